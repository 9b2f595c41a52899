//! An application that takes whatever HTTP/1 allows, and says what came.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Serves on a thread of its own, for as long as the process lives.
pub(crate) fn serve(at: SocketAddr) {
    let listener = TcpListener::bind(at).expect("the address is free");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || while answer(&mut Connection::new(&stream)).is_some() {});
        }
    });
}

/// A connection and what was read of it and not used.
struct Connection<'a> {
    stream: &'a TcpStream,
    rest: Vec<u8>,
}

impl<'a> Connection<'a> {
    fn new(stream: &'a TcpStream) -> Self {
        Self { stream, rest: Vec::new() }
    }

    /// Reads up to the end that is asked for, and takes it off.
    fn until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(place) = self.rest.windows(end.len()).position(|window| window == end) {
                let text = String::from_utf8_lossy(&self.rest[..place]).into_owned();
                self.rest.drain(..place + end.len());
                return Some(text);
            }
            let mut buffer = [0; 65536];
            let length = self.stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
            self.rest.extend_from_slice(&buffer[..length]);
        }
    }

    fn write(&mut self, text: &str) {
        let _gone = self.stream.write_all(text.as_bytes());
    }

    /// Sends every line back with a word before it: what an upgraded connection and a tunnel do.
    fn echo(&mut self) -> Option<()> {
        loop {
            let line = self.until(b"\n")?;
            self.write(&format!("raw {line}\n"));
        }
    }
}

/// Answers one request; `None` where there is none.
fn answer(connection: &mut Connection<'_>) -> Option<()> {
    let head = connection.until(b"\r\n\r\n")?;
    let mut lines = head.lines();
    let start = lines.next()?.to_string();
    let headers: Vec<(String, &str)> = lines
        .filter_map(|line| {
            Some((line.split_once(':')?.0.to_ascii_lowercase(), line.split_once(':')?.1.trim()))
        })
        .collect();
    let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    if let Some(upgrade) = header("upgrade") {
        connection.write(&format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {upgrade}\r\n\r\n"
        ));
        return connection.echo();
    }
    if start.starts_with("CONNECT ") {
        connection.write("HTTP/1.1 200 OK\r\n\r\n");
        return connection.echo();
    }
    if header("expect").is_some() {
        connection.write("HTTP/1.1 100 Continue\r\n\r\n");
    }
    let mut trailers = String::new();
    if header("transfer-encoding") == Some("chunked") {
        let _body = connection.until(b"0\r\n")?;
        trailers = connection.until(b"\r\n\r\n")?;
    } else if let Some(length) = header("content-length").and_then(|length| length.parse::<usize>().ok()) {
        while connection.rest.len() < length {
            let mut buffer = [0; 4096];
            let got = connection.stream.read(&mut buffer).ok().filter(|got| *got > 0)?;
            connection.rest.extend_from_slice(&buffer[..got]);
        }
        connection.rest.drain(..length);
    }
    let count = headers.iter().filter(|(name, _)| name.starts_with("x-n")).count();
    let long = header("x-long").map_or(0, str::len);
    let (host, expect) = (header("host").unwrap_or("none"), header("expect").unwrap_or("none"));
    let path = start.split(' ').nth(1).unwrap_or_default();
    let body = format!(
        "{start}; {count} numbered; long {long}; host {host}; expect {expect}; trailers {trailers}.\n"
    );
    if path == "/early" {
        connection.write("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
    }
    connection.write("HTTP/1.1 200 OK\r\n");
    if let Some(number) = path.strip_prefix("/headers/").and_then(|number| number.parse::<usize>().ok()) {
        (0..number).for_each(|index| connection.write(&format!("x-n{index}: 1\r\n")));
    }
    if path == "/long" {
        connection.write(&format!("x-long: {}\r\n", "a".repeat(70 * 1024)));
    }
    if path == "/trailers" {
        connection
            .write("transfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n2\r\nok\r\n0\r\nx-end: yes\r\n\r\n");
    } else {
        connection.write(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    }
    Some(())
}

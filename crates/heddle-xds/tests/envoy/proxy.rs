//! A running Envoy, and what an application and a client would do beside it.

use crate::binary::envoy;
use crate::view::write;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// An Envoy that ends with its test.
pub(crate) struct Proxy(Child);

impl Proxy {
    /// Starts one in a folder that has its certificates, and waits until it answers at `ready`.
    pub(crate) fn start(folder: &Path, bootstrap: &Value, base_id: u16, ready: SocketAddr) -> Self {
        write(folder, bootstrap);
        let log = std::fs::File::create(folder.join("envoy.log")).expect("the folder is ours");
        let out = std::fs::File::create(folder.join("access.log")).expect("the folder is ours");
        let child = Command::new(envoy())
            .args([
                "-c",
                "envoy.json",
                "-l",
                "warning",
                "--concurrency",
                "1",
                "--base-id",
                &base_id.to_string(),
            ])
            .current_dir(folder)
            .stdout(out)
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("Envoy runs");
        let mut proxy = Self(child);
        proxy.wait(folder, ready);
        proxy
    }

    fn wait(&mut self, folder: &Path, ready: SocketAddr) {
        let patience = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(ready).is_err() {
            let ended = self.0.try_wait().expect("it is our child").is_some();
            let log = || std::fs::read_to_string(folder.join("envoy.log")).unwrap_or_default();
            assert!(!ended && Instant::now() < patience, "Envoy does not answer at {ready}:\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// An application that answers every HTTP request with what it was sent, 403 where the path begins with `/forbidden`,
/// and any other first line with itself.
pub(crate) fn application(at: SocketAddr) {
    let listener = TcpListener::bind(at).expect("the address is free");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { continue };
            std::thread::spawn(move || answer(stream));
        }
    });
}

fn answer(mut stream: TcpStream) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..length]);
        let http = seen.windows(4).any(|end| end == b"\r\n\r\n");
        if http {
            let status = if seen.starts_with(b"GET /forbidden") { "403 Forbidden" } else { "200 OK" };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", seen.len());
            let _sent = stream.write_all(&[head.as_bytes(), &seen].concat());
            seen.clear();
        } else if seen.ends_with(b"\n") && !seen.starts_with(b"GET ") && !seen.contains(&b'\r') {
            let _sent = stream.write_all(&seen);
            seen.clear();
        }
    }
}

/// Sends `bytes` and reads until `enough` is content, the other side closes, or five seconds pass.
pub(crate) fn exchange(at: SocketAddr, bytes: &[u8], enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut got = Vec::new();
    let Ok(mut stream) = TcpStream::connect(at) else { return got };
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("not zero");
    if stream.write_all(bytes).is_err() {
        return got;
    }
    let mut buffer = [0; 4096];
    while !enough(&got) {
        match stream.read(&mut buffer) {
            Ok(length @ 1..) => got.extend_from_slice(&buffer[..length]),
            Ok(0) | Err(_) => break,
        }
    }
    got
}

/// The status and the body of a GET; status 0 where the connection is closed without an answer.
pub(crate) fn get(at: SocketAddr, path: &str, headers: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: any\r\nconnection: close\r\n{headers}\r\n");
    let answer = exchange(at, request.as_bytes(), |_| false);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, text)
}

//! The client's side of one request.

use crate::echo;
use crate::net::Namespace;
use crate::seen::{Echo, Seen};
use bytes::Bytes;
use heddle_scenario_tests::{Ask, Sent};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A connection, in plain text or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// The time that anything may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// Dials from a namespace and sends one request, with more headers than it says.
pub(crate) async fn call(from: &Namespace, ask: &Ask, to: SocketAddr, more: &[(&str, String)]) -> Seen {
    match connect(from, to) {
        Some(stream) => answer(stream, ask, more).await,
        None => Seen::Closed,
    }
}

/// A connection from a namespace.
pub(crate) fn connect(from: &Namespace, to: SocketAddr) -> Option<tokio::net::TcpStream> {
    let dial = || -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    };
    tokio::net::TcpStream::from_std(from.within(dial).ok()?).ok()
}

/// Sends one request over a connection.
pub(crate) async fn answer<S: Stream>(stream: S, ask: &Ask, more: &[(&str, String)]) -> Seen {
    let answer = async {
        match ask.kind {
            Sent::Http if !is_uri(&ask.path) => raw(stream, ask, more).await,
            Sent::Http => http1(stream, request(ask, more, false)).await,
            Sent::Http2 => http2(stream, request(ask, more, true)).await,
            Sent::Tcp => bytes(stream, b"\x01hello\n").await,
            Sent::Tls => bytes(stream, &client_hello()).await,
        }
    };
    tokio::time::timeout(PATIENCE, answer).await.ok().flatten().unwrap_or(Seen::Closed)
}

fn request(ask: &Ask, more: &[(&str, String)], two: bool) -> Request<Empty<Bytes>> {
    let authority = authority(ask);
    let mut request = Request::builder().method(ask.method.as_str());
    request = if two {
        request.uri(format!("http://{authority}{}", ask.path)).version(http::Version::HTTP_2)
    } else {
        request.uri(ask.path.as_str()).header("host", authority)
    };
    for (name, value) in ask.lines() {
        request = request.header(name, value);
    }
    for (name, value) in more {
        request = request.header(*name, value.as_str());
    }
    request.body(Empty::new()).expect("a scenario's request is one")
}

fn authority(ask: &Ask) -> &str {
    ask.host.as_deref().unwrap_or("app.example")
}

/// Returns whether a path is sent as it is by a client that knows what a path is.
fn is_uri(path: &str) -> bool {
    path.parse::<http::uri::PathAndQuery>().is_ok_and(|parsed| parsed.as_str() == path)
}

/// Sends a path that no client would, byte by byte.
async fn raw<S: Stream>(mut stream: S, ask: &Ask, more: &[(&str, String)]) -> Option<Seen> {
    let lines = ask.lines().chain(more.iter().map(|(name, value)| (*name, value.as_str())));
    let lines: String = lines.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let (method, path, host) = (&ask.method, &ask.path, authority(ask));
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(&answer[..end]).ok()?, &answer[end + 4..]);
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into()));
    of_answer(status, headers.collect(), body)
}

async fn http1<S: Stream>(stream: S, request: Request<Empty<Bytes>>) -> Option<Seen> {
    let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    seen(sender.send_request(request).await.ok()?).await
}

async fn http2<S: Stream>(stream: S, request: Request<Empty<Bytes>>) -> Option<Seen> {
    let shake = conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = shake.await.ok()?;
    tokio::spawn(connection);
    seen(sender.send_request(request).await.ok()?).await
}

async fn seen(response: http::Response<hyper::body::Incoming>) -> Option<Seen> {
    let status = response.status().as_u16();
    let headers = echo::headers(response.headers());
    let body = response.into_body().collect().await.ok()?.to_bytes();
    of_answer(status, headers, &body)
}

fn of_answer(status: u16, headers: BTreeMap<String, String>, body: &[u8]) -> Option<Seen> {
    if let Some(location) = headers.get("location").filter(|_| (300..400).contains(&status)) {
        return Some(Seen::Redirect(status, location.clone()));
    }
    if status != 200 {
        return Some(Seen::Status(status));
    }
    let (who, target, request) = echo::read(body)?;
    let identity = request.get("x-forwarded-client-cert").map(|xfcc| uri(xfcc).to_string());
    Some(Seen::Echo(Echo { who, target, identity, request, response: headers }))
}

/// `URI=…` of a forwarded certificate.
fn uri(xfcc: &str) -> &str {
    xfcc.split(';').find_map(|part| part.strip_prefix("URI=")).unwrap_or(xfcc)
}

async fn bytes<S: Stream>(mut stream: S, say: &[u8]) -> Option<Seen> {
    stream.write_all(say).await.ok()?;
    let mut heard = Vec::new();
    // Up to the end of a line. What does not begin as our application's answer (a proxy's part of a handshake,
    // an HTTP error) is none, and a reset after the answer is no less an answer.
    while !heard.contains(&b'\n') && heard.first().is_none_or(|first| *first == b't') {
        match stream.read_buf(&mut heard).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
    }
    let heard = String::from_utf8_lossy(&heard).into_owned();
    let who = heard.strip_prefix("tcp ").or_else(|| heard.strip_prefix("tls "))?;
    Some(Seen::Echo(Echo { who: who.trim().into(), ..Echo::default() }))
}

/// The first bytes of a TLS connection that is the application's own.
fn client_hello() -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider's own versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = "app.example".try_into().expect("a name");
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).expect("a Vec takes everything");
    hello
}

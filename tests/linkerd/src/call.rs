//! Calls of a client at a place, and their answers.

use anyhow::{Context, Result};
use bytes::Bytes;
use heddle::demo::app::Seen;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The time that anything may take.
const PATIENCE: Duration = Duration::from_secs(12);

/// The protocol of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// gRPC.
    Grpc,
}

/// The outcome of an HTTP call.
#[derive(Debug)]
pub struct Reply {
    /// The status; for gRPC what it stands for is [`Reply::grpc`].
    pub status: u16,
    /// `grpc-status`, of headers or trailers.
    pub grpc: Option<String>,
    /// The body.
    pub body: Bytes,
    /// The time that it took, connecting included.
    pub took: Duration,
}

impl Reply {
    /// Returns what our application saw; nothing if it was not our application that answered.
    pub fn seen(&self) -> Option<Seen> {
        serde_json::from_slice(&self.body).ok()
    }

    /// One line, for messages.
    pub fn line(&self) -> String {
        let Self { status, grpc, body, took } = self;
        let grpc = grpc.as_ref().map_or(String::new(), |code| format!(", grpc-status {code}"));
        let body = String::from_utf8_lossy(&body[..body.len().min(120)]);
        format!("{status}{grpc} after {} ms: {body}", took.as_millis())
    }
}

/// One request over a connection of its own.
///
/// # Errors
/// If there was no answer.
pub async fn request(to: SocketAddr, speaks: Speaks, path: &str, headers: &[(&str, &str)]) -> Result<Reply> {
    let start = Instant::now();
    let exchange = async {
        let stream = TokioIo::new(TcpStream::connect(to).await.context("connecting")?);
        let mut request = Request::builder().uri(format!("http://{to}{path}")).method("POST");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match speaks {
            Speaks::Http1 => {
                let (mut sender, connection) = conn::http1::handshake(stream).await?;
                tokio::spawn(connection);
                let request = request.method("GET").uri(path).header("host", to.to_string());
                sender.send_request(request.body(Empty::<Bytes>::new())?).await?
            }
            Speaks::Http2 | Speaks::Grpc => {
                let (mut sender, connection) = conn::http2::handshake(TokioExecutor::new(), stream).await?;
                tokio::spawn(connection);
                if speaks == Speaks::Grpc {
                    request = request.header("content-type", "application/grpc").header("te", "trailers");
                }
                sender.send_request(request.body(Empty::<Bytes>::new())?).await?
            }
        };
        let (head, body) = response.into_parts();
        let whole = body.collect().await?;
        let trailer = whole.trailers().and_then(|trailers| trailers.get("grpc-status")).cloned();
        let grpc = trailer.or_else(|| head.headers.get("grpc-status").cloned());
        let grpc = grpc.and_then(|code| Some(code.to_str().ok()?.to_string()));
        Ok(Reply { status: head.status.as_u16(), grpc, body: whole.to_bytes(), took: start.elapsed() })
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .with_context(|| format!("no answer from {to} in {PATIENCE:?}"))?
}

/// The outcome of a connection of bytes.
#[derive(Debug)]
pub struct Heard {
    /// All lines, up to as many as were wanted; fewer if the connection closed.
    pub lines: Vec<String>,
    /// The time that it took.
    pub took: Duration,
}

/// Connects, says a line if there is one, and reads so many lines.
///
/// # Errors
/// If nothing was there to connect to, or the lines did not come in time and the connection stayed open.
pub async fn bytes(to: SocketAddr, say: Option<&str>, lines: usize) -> Result<Heard> {
    let start = Instant::now();
    let exchange = async {
        let mut stream = TcpStream::connect(to).await.context("connecting")?;
        if let Some(say) = say {
            stream.write_all(format!("{say}\n").as_bytes()).await?;
        }
        let mut heard = Vec::new();
        // A reset is an end like any other.
        while heard.iter().filter(|byte| **byte == b'\n').count() < lines
            && matches!(stream.read_buf(&mut heard).await, Ok(1..))
        {}
        let lines = String::from_utf8_lossy(&heard).lines().map(String::from).collect();
        Ok(Heard { lines, took: start.elapsed() })
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .with_context(|| format!("no end from {to} in {PATIENCE:?}"))?
}

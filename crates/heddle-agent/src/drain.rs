//! Telling Envoy that it will leave.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long Envoy may take to say that it understood.
const LIMIT: Duration = Duration::from_secs(1);

/// Asks Envoy to end its listeners gracefully: requests in flight go on, and connections are closed as they
/// become idle. That it fails changes nothing: the child is ended after the drain time anyway.
pub(crate) async fn drain_listeners(admin: SocketAddr) {
    match tokio::time::timeout(LIMIT, post(admin)).await {
        Ok(Ok(status)) if status.contains(" 200 ") => tracing::info!("envoy drains its listeners"),
        Ok(Ok(status)) => tracing::warn!(%status, "envoy does not drain its listeners"),
        Ok(Err(error)) => tracing::warn!(%error, "envoy does not drain its listeners"),
        Err(_) => tracing::warn!(error = "no answer", "envoy does not drain its listeners"),
    }
}

/// One request whose answer does not matter beyond its first line: no client is worth having for it.
async fn post(admin: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(admin).await?;
    let request = format!(
        "POST /drain_listeners?graceful HTTP/1.1\r\nhost: {admin}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    let first = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(first).into_owned())
}

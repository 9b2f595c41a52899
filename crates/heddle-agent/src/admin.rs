//! Requests to the admin port of a proxy: no client is worth having for them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The time that a proxy may take to answer.
const LIMIT: Duration = Duration::from_secs(1);

/// Bytes of an answer that are read: the statistics of some thousand listeners.
const ANSWER: u64 = 4 << 20;

/// Sends a request without a body, and returns the first line of the answer.
pub(crate) async fn ask(admin: SocketAddr, method_and_path: &str) -> io::Result<String> {
    let answer = read(admin, method_and_path).await?;
    Ok(answer.split('\r').next().unwrap_or_default().into())
}

/// Sends a request without a body, and returns the answer with its head.
pub(crate) async fn read(admin: SocketAddr, method_and_path: &str) -> io::Result<String> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no answer");
    tokio::time::timeout(LIMIT, exchange(admin, method_and_path)).await.map_err(late)?
}

async fn exchange(admin: SocketAddr, method_and_path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(dialled(admin)).await?;
    let request = format!(
        "{method_and_path} HTTP/1.1\r\nhost: {admin}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Returns the address to dial: loopback, for a listener on every address.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of others, which may grow")]
fn dialled(admin: SocketAddr) -> SocketAddr {
    let ip = match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, admin.port())
}

//! Requests to the admin port of a proxy.

use crate::exchange::{Failure, exchange};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;

/// The time that a proxy may take to answer.
const LIMIT: Duration = Duration::from_secs(1);

/// Bytes of an answer that are read as a text: the statistics of some thousand listeners.
const TEXT: usize = 4 << 20;

/// Sends a request without a body. Its body is still to be read.
///
/// # Errors
/// When nothing is answered in time.
pub(crate) async fn ask(
    admin: SocketAddr,
    method: Method,
    path: &str,
) -> Result<Response<Incoming>, Failure> {
    let request = Request::builder().method(method).uri(path).header(header::HOST, admin.to_string());
    let request = request.body(String::new())?;
    let answer = async { exchange(TcpStream::connect(dialled(admin)).await?, request).await };
    tokio::time::timeout(LIMIT, answer).await.map_err(|_| "no answer")?
}

/// Returns a page.
///
/// # Errors
/// When nothing is answered in time, not with status 200, or too much.
pub(crate) async fn page(admin: SocketAddr, path: &str) -> Result<String, Failure> {
    let body = expect_ok(ask(admin, Method::GET, path).await?)?.into_body();
    let read = tokio::time::timeout(LIMIT, Limited::new(body, TEXT).collect());
    let bytes = read.await.map_err(|_| "no end of the answer")??.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the answer, if its status is 200.
///
/// # Errors
/// With every other status.
pub(crate) fn expect_ok(answer: Response<Incoming>) -> Result<Response<Incoming>, Failure> {
    match answer.status() {
        StatusCode::OK => Ok(answer),
        status => Err(format!("it answers {status}").into()),
    }
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

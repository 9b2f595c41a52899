//! One HTTP/1.1 request on one connection, to what runs in the same Pod.

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// A request that got no answer.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Sends the request. The connection ends once the answer was read or dropped.
pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<String>,
) -> Result<Response<Incoming>, Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // What goes wrong on it is an error of the answer.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

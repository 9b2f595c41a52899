//! A gRPC server that answers each stream with one message and then with nothing: what every such server pays.

use super::link::Plan;
use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Frame;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

/// Serves over plain text: only what streams add is compared.
pub(super) async fn serve(connections: usize) -> Result<Plan> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = tonic::transport::Server::builder().add_service(Floor);
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    Ok(Plan { address, connections, services: 1, credential: None })
}

#[derive(Clone)]
struct Floor;

/// Whether the one message is still to be sent.
struct One(bool);

impl NamedService for Floor {
    const NAME: &'static str = "io.linkerd.proxy.destination.Destination";
}

impl Service<Request<Body>> for Floor {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let response = Response::builder().header("content-type", "application/grpc");
        ready(Ok(response.body(Body::new(One(true))).expect("a static header is valid")))
    }
}

impl hyper::body::Body for One {
    type Data = Bytes;
    type Error = Status;

    /// An empty message, with the prefix that says so.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if std::mem::take(&mut self.0) {
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 5])))));
        }
        Poll::Pending
    }
}

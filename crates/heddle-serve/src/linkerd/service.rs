//! The gRPC services, by hand: generated ones copy each message for each stream, and keep the copy.

use super::question::{self, Extent, Question};
use super::{Call, Questions, Shared};
use crate::engine::Published;
use crate::peer::Peer;
use futures::future::{BoxFuture, FutureExt};
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use prost::Message;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::metadata::{GRPC_CONTENT_TYPE, MetadataMap};
use tonic::server::NamedService;
use tonic::{Code, Status, Streaming};
use tonic_prost::ProstDecoder;
use tower::Service;

/// Bytes of a question: a context and a name, or an address.
const QUESTION: usize = 4 * 1024;

macro_rules! service {
    ($(#[$doc:meta])* $type:ident, $name:literal, $route:ident) => {
        $(#[$doc])*
        pub(crate) struct $type<P, F: Questions>(pub(crate) Arc<Shared<P, F>>);

        impl<P, F: Questions> Clone for $type<P, F> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<P: Published, F: Questions> NamedService for $type<P, F> {
            const NAME: &'static str = $name;
        }

        impl<P: Published, F: Questions> Service<Request<Body>> for $type<P, F> {
            type Response = Response<Body>;
            type Error = Infallible;
            type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: Request<Body>) -> Self::Future {
                let shared = self.0.clone();
                async move { Ok(shared.answer(request, $route).await) }.boxed()
            }
        }
    };
}

service!(
    /// `io.linkerd.proxy.destination.Destination`
    Destination,
    "io.linkerd.proxy.destination.Destination",
    destination
);
service!(
    /// `io.linkerd.proxy.inbound.InboundServerPolicies`
    Inbound,
    "io.linkerd.proxy.inbound.InboundServerPolicies",
    inbound
);
service!(
    /// `io.linkerd.proxy.outbound.OutboundPolicies`
    Outbound,
    "io.linkerd.proxy.outbound.OutboundPolicies",
    outbound
);

/// Reads the request of a method as a question.
type Route = fn(&str, Body) -> BoxFuture<'static, Result<Question, Status>>;

fn destination(method: &str, body: Body) -> BoxFuture<'static, Result<Question, Status>> {
    match method {
        "Get" => read(body).map(|request| Ok(question::endpoints(request?))).boxed(),
        "GetProfile" => read(body).map(|request| Ok(question::profile(request?))).boxed(),
        _ => unknown(),
    }
}

fn inbound(method: &str, body: Body) -> BoxFuture<'static, Result<Question, Status>> {
    match method {
        "GetPort" => read(body).map(|request| Ok(question::inbound(request?, Extent::Once))).boxed(),
        "WatchPort" => read(body).map(|request| Ok(question::inbound(request?, Extent::Follow))).boxed(),
        _ => unknown(),
    }
}

fn outbound(method: &str, body: Body) -> BoxFuture<'static, Result<Question, Status>> {
    match method {
        "Get" => read(body).map(|request| question::outbound(request?, Extent::Once)).boxed(),
        "Watch" => read(body).map(|request| question::outbound(request?, Extent::Follow)).boxed(),
        _ => unknown(),
    }
}

fn unknown() -> BoxFuture<'static, Result<Question, Status>> {
    std::future::ready(Err(Status::unimplemented("there is no such method"))).boxed()
}

/// The one message of a request. How long it may take is the bound on every call.
async fn read<M: Message + Default + 'static>(body: Body) -> Result<M, Status> {
    let decoder = ProstDecoder::<M>::default();
    let mut messages = Streaming::new_request(decoder, body, None, Some(QUESTION));
    match messages.message().await {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(Status::invalid_argument("the request has no message")),
        // What cannot be read now can never be.
        Err(status) if status.code() == Code::Internal => Err(Status::invalid_argument(status.message())),
        Err(status) => Err(status),
    }
}

impl<P: Published, F: Questions> Shared<P, F> {
    async fn answer(&self, request: Request<Body>, route: Route) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let Some(peer) = parts.extensions.get::<Peer>().cloned() else {
            return Status::internal("no peer").into_http();
        };
        let method = parts.uri.path().rsplit('/').next().unwrap_or_default();
        let answers = async {
            let question = route(method, body).await?;
            let metadata = MetadataMap::from_headers(parts.headers);
            self.open(Call { metadata, peer: peer.clone(), question }).await
        };
        match answers.await {
            Ok(answers) => {
                let mut response = Response::new(Body::new(answers));
                response.headers_mut().insert(CONTENT_TYPE, GRPC_CONTENT_TYPE);
                response
            }
            Err(status) => {
                self.refused(&peer, &status);
                status.into_http()
            }
        }
    }
}

//! The calls of one connection, by their path. Nothing is kept of a request but its path and a few headers, and
//! nothing is read of its body, until whoever answers it knows who calls.

use crate::limits::Limits;
use crate::messages::Messages;
use crate::peer::Peer;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, HeaderMap};
use http::{Request, Response};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::sync::Arc;
use tonic::body::Body;
use tonic::{Code, Status};

/// The method of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Delta,
    Sotw,
    CreateCertificate,
    Certify,
    Get,
    GetProfile,
    WatchPort,
    GetPort,
    Watch,
    GetPolicy,
}

/// One call, before it is known who makes it.
pub(crate) struct Call {
    pub(crate) peer: Peer,
    /// The `authorization` header, as it came.
    pub(crate) authorization: Option<http::HeaderValue>,
    pub(crate) messages: Messages,
}

/// Answers the calls of one connection.
#[derive(Clone)]
pub(crate) struct Calls {
    peer: Peer,
    answer: Arc<dyn Answer>,
}

/// Answers a call with a response, an error among them.
pub(crate) trait Answer: Send + Sync + 'static {
    fn answer(self: Arc<Self>, method: Method, call: Call) -> BoxFuture<'static, Response<Body>>;
    fn limits(&self) -> &Limits;
}

impl Method {
    /// Every method that is served, by its path.
    fn of(path: &str) -> Option<Self> {
        const XDS: &str = "envoy.service.discovery.v3.AggregatedDiscoveryService";
        const ISTIO: &str = "istio.v1.auth.IstioCertificateService";
        const IDENTITY: &str = "io.linkerd.proxy.identity.Identity";
        const DESTINATION: &str = "io.linkerd.proxy.destination.Destination";
        const INBOUND: &str = "io.linkerd.proxy.inbound.InboundServerPolicies";
        const OUTBOUND: &str = "io.linkerd.proxy.outbound.OutboundPolicies";
        Some(match path.strip_prefix('/')?.split_once('/')? {
            (XDS, "DeltaAggregatedResources") => Self::Delta,
            (XDS, "StreamAggregatedResources") => Self::Sotw,
            (ISTIO, "CreateCertificate") => Self::CreateCertificate,
            (IDENTITY, "Certify") => Self::Certify,
            (DESTINATION, "Get") => Self::Get,
            (DESTINATION, "GetProfile") => Self::GetProfile,
            (INBOUND, "WatchPort") => Self::WatchPort,
            (INBOUND, "GetPort") => Self::GetPort,
            (OUTBOUND, "Watch") => Self::Watch,
            (OUTBOUND, "Get") => Self::GetPolicy,
            _ => return None,
        })
    }

    /// The largest message of a request, in bytes.
    fn message_bytes(self, limits: &Limits) -> usize {
        match self {
            Self::Delta | Self::Sotw => limits.request_bytes,
            Self::CreateCertificate | Self::Certify => limits.certificate_request_bytes,
            Self::Get
            | Self::GetProfile
            | Self::WatchPort
            | Self::GetPort
            | Self::Watch
            | Self::GetPolicy => limits.question_bytes,
        }
    }
}

impl Calls {
    pub(crate) fn new(peer: Peer, answer: Arc<dyn Answer>) -> Self {
        Self { peer, answer }
    }

    async fn call(self, method: Method, call: Call) -> Response<Body> {
        let Self { peer, answer } = self;
        let limit = answer.limits().call;
        let response = tokio::time::timeout(limit, answer.answer(method, call)).await;
        // Whoever has shown nothing that counts keeps no connection.
        if !peer.standing.is_proven() {
            peer.activity.refuse();
        }
        response.unwrap_or_else(|_| {
            Status::deadline_exceeded(format!("the call took longer than {limit:?}")).into_http()
        })
    }
}

impl hyper::service::Service<Request<Incoming>> for Calls {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let http::request::Parts { uri, mut headers, .. } = parts;
        let method = Method::of(uri.path());
        let authorization = alone(&mut headers);
        // A list of headers takes several times the room that it had on the wire.
        drop((headers, uri));
        let calls = self.clone();
        let Some(method) = method else {
            if !calls.peer.standing.is_proven() {
                calls.peer.activity.refuse();
            }
            let status = Status::new(Code::Unimplemented, "there is no such method");
            return Box::pin(std::future::ready(Ok(status.into_http())));
        };
        let limits = calls.answer.limits();
        let messages = Messages::new(body, method.message_bytes(limits), limits.message);
        let call = Call { peer: calls.peer.clone(), authorization, messages };
        Box::pin(async move { Ok(calls.call(method, call).await) })
    }
}

/// The `authorization` header, without what else its bytes were a part of.
fn alone(headers: &mut HeaderMap) -> Option<http::HeaderValue> {
    let value = headers.remove(AUTHORIZATION)?;
    http::HeaderValue::from_bytes(value.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_known_by_its_whole_path() {
        let xds = "/envoy.service.discovery.v3.AggregatedDiscoveryService";
        assert_eq!(Method::of(&format!("{xds}/DeltaAggregatedResources")), Some(Method::Delta));
        assert_eq!(Method::of("/io.linkerd.proxy.outbound.OutboundPolicies/Get"), Some(Method::GetPolicy));
        assert_eq!(Method::of("/io.linkerd.proxy.destination.Destination/Get"), Some(Method::Get));
        for unknown in ["", "/", xds, "//Get", "/io.linkerd.proxy.identity.Identity/Get", "/a/b/c"] {
            assert_eq!(Method::of(unknown), None, "{unknown}");
        }
    }
}

//! The two variants of the protocol on the wire, as the session knows them.

use heddle_model::Name;
use heddle_proto::envoy::config::core::v3::Node;
use heddle_proto::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use heddle_proto::raw;
use heddle_session::{Limits, Refusal, Request, ResourceType, Response, Variant};
use prost::Message;

/// One variant.
pub(crate) trait Wire: Send + Sync + 'static {
    const VARIANT: Variant;
    type In: Message + Default + Send + 'static;
    type Out: Message + Send + 'static;

    /// Takes the node out of a request: only the first one of a stream has to carry it.
    fn node(request: &mut Self::In) -> Option<Node>;
    fn request(request: Self::In, limits: &Limits) -> Incoming;
    fn response(response: Response) -> Self::Out;
    /// An answer for a type that is not served: there is none of these.
    fn nothing(request: Unserved) -> Self::Out;
}

/// A request, by whether its type is served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Served(Request),
    /// A first request for such a type.
    Unserved(Result<Unserved, Refusal>),
    /// An answer to nothing that is known here.
    Ignored,
}

/// The names asked for of a type that is not served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unserved {
    type_url: String,
    names: Vec<String>,
}

/// `DeltaAggregatedResources`
pub(crate) struct Delta;
/// `StreamAggregatedResources`
pub(crate) struct Sotw;

impl Wire for Delta {
    const VARIANT: Variant = Variant::Delta;
    type In = DeltaDiscoveryRequest;
    type Out = raw::DeltaDiscoveryResponse;

    fn node(request: &mut Self::In) -> Option<Node> {
        request.node.take()
    }

    fn request(request: Self::In, limits: &Limits) -> Incoming {
        let Some(ty) = ResourceType::of_url(&request.type_url) else {
            let (nonce, names) = (request.response_nonce, request.resource_names_subscribe);
            return unserved(request.type_url, &nonce, names, limits);
        };
        let versions = request.initial_resource_versions.into_iter();
        Incoming::Served(Request {
            ty,
            nonce: request.response_nonce,
            subscribe: names(request.resource_names_subscribe),
            unsubscribe: names(request.resource_names_unsubscribe),
            versions: versions.map(|(name, version)| (name.into(), version)).collect(),
            error: request.error_detail.map(|error| error.message),
        })
    }

    fn response(response: Response) -> Self::Out {
        let Response { ty, nonce, version, resources, removed, sequence: _ } = response;
        raw::DeltaDiscoveryResponse {
            system_version_info: version,
            resources,
            type_url: ty.url().into(),
            nonce,
            removed_resources: removed.iter().map(ToString::to_string).collect(),
        }
    }

    fn nothing(request: Unserved) -> Self::Out {
        raw::DeltaDiscoveryResponse {
            type_url: request.type_url,
            nonce: NOTHING.into(),
            removed_resources: request.names,
            ..Self::Out::default()
        }
    }
}

impl Wire for Sotw {
    const VARIANT: Variant = Variant::Sotw;
    type In = DiscoveryRequest;
    type Out = raw::DiscoveryResponse;

    fn node(request: &mut Self::In) -> Option<Node> {
        request.node.take()
    }

    fn request(request: Self::In, limits: &Limits) -> Incoming {
        let Some(ty) = ResourceType::of_url(&request.type_url) else {
            return unserved(request.type_url, &request.response_nonce, Vec::new(), limits);
        };
        Incoming::Served(Request {
            ty,
            nonce: request.response_nonce,
            subscribe: names(request.resource_names),
            error: request.error_detail.map(|error| error.message),
            ..Request::new(ty)
        })
    }

    fn response(response: Response) -> Self::Out {
        let Response { ty, nonce, version, resources, removed: _, sequence: _ } = response;
        raw::DiscoveryResponse { version_info: version, resources, type_url: ty.url().into(), nonce }
    }

    fn nothing(request: Unserved) -> Self::Out {
        raw::DiscoveryResponse { type_url: request.type_url, nonce: NOTHING.into(), ..Self::Out::default() }
    }
}

/// The nonce of answers for types that are not served; a session's nonces are numbers.
const NOTHING: &str = "none";
/// Bytes of the names of such a type that are answered one by one: they are sent back.
const UNSERVED_BYTES: usize = 64 * 1024;

/// A type that is not served is answered empty, once per request that is not itself an answer: a client that
/// waits for the type does not wait for ever. Its name is sent back, so it must be short.
fn unserved(type_url: String, nonce: &str, names: Vec<String>, limits: &Limits) -> Incoming {
    if !nonce.is_empty() || type_url.is_empty() || type_url.len() > 256 {
        return Incoming::Ignored;
    }
    let came = names.iter().map(String::len).sum();
    let admitted = match came > UNSERVED_BYTES {
        true => Err(Refusal::Unserved { came, limit: UNSERVED_BYTES }),
        false => limits.admit_names(names.iter().map(String::as_str)),
    };
    Incoming::Unserved(admitted.map(|()| Unserved { type_url, names }))
}

fn names(names: Vec<String>) -> Vec<Name> {
    names.into_iter().map(Name::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

    #[test]
    fn an_unserved_type_is_answered_once_that_there_is_none() {
        let request = DeltaDiscoveryRequest {
            type_url: SECRET.into(),
            resource_names_subscribe: vec!["a".into()],
            ..Default::default()
        };
        let limits = Limits::default();
        let Incoming::Unserved(Ok(unserved)) = Delta::request(request.clone(), &limits) else {
            panic!("unserved")
        };
        let answer = Delta::nothing(unserved);
        assert_eq!((answer.type_url.as_str(), answer.removed_resources), (SECRET, vec!["a".to_string()]));
        let ack = DeltaDiscoveryRequest { response_nonce: answer.nonce, ..request };
        assert_eq!(Delta::request(ack, &limits), Incoming::Ignored);
        assert_eq!(Sotw::request(DiscoveryRequest::default(), &limits), Incoming::Ignored);
        let many = DeltaDiscoveryRequest {
            type_url: SECRET.into(),
            resource_names_subscribe: vec!["x".repeat(1000); 100],
            ..Default::default()
        };
        let refusal = Refusal::Unserved { came: 100_000, limit: 65_536 };
        assert_eq!(Delta::request(many, &limits), Incoming::Unserved(Err(refusal)));
    }

    #[test]
    fn an_empty_error_is_still_a_refusal() {
        let request = DiscoveryRequest {
            type_url: ResourceType::Cluster.url().into(),
            error_detail: Some(Default::default()),
            ..Default::default()
        };
        let want = Request { error: Some(String::new()), ..Request::new(ResourceType::Cluster) };
        assert_eq!(Sotw::request(request, &Limits::default()), Incoming::Served(want));
    }
}

//! Discovery responses whose resources are already encoded.
//!
//! On the wire the same as `envoy.service.discovery.v3`: a resource that is encoded once is shared by every
//! response that carries it.

#[allow(
    clippy::all,
    clippy::allow_attributes_without_reason,
    missing_docs,
    unreachable_pub,
    reason = "the generator's style, not ours"
)]
mod service {
    include!("generated/envoy.service.discovery.v3.AggregatedDiscoveryService.rs");
}

pub use service::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};

use bytes::Bytes;

/// `envoy.service.discovery.v3.DiscoveryResponse`, without the parts that nobody here sends.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DiscoveryResponse {
    /// The version of all resources together.
    #[prost(string, tag = "1")]
    pub version_info: String,
    /// Encoded `google.protobuf.Any`s.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub resources: Vec<Bytes>,
    /// The type of all resources.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// What the client repeats when it accepts or refuses.
    #[prost(string, tag = "5")]
    pub nonce: String,
}

/// `envoy.service.discovery.v3.DeltaDiscoveryResponse`, without the parts that nobody here sends.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeltaDiscoveryResponse {
    /// Only for people who debug.
    #[prost(string, tag = "1")]
    pub system_version_info: String,
    /// Encoded `envoy.service.discovery.v3.Resource`s.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub resources: Vec<Bytes>,
    /// The type of all resources.
    #[prost(string, tag = "4")]
    pub type_url: String,
    /// What the client repeats when it accepts or refuses.
    #[prost(string, tag = "5")]
    pub nonce: String,
    /// Names that are no more, or never were.
    #[prost(string, repeated, tag = "6")]
    pub removed_resources: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::config::cluster::v3::Cluster;
    use crate::envoy::service::discovery::v3 as discovery;
    use crate::pack;
    use prost::Message;

    #[test]
    fn a_raw_delta_response_is_on_the_wire_what_the_proto_file_says() {
        let resource = discovery::Resource {
            name: "a".to_owned(),
            version: "1".to_owned(),
            resource: Some(pack(&Cluster { name: "a".to_owned(), ..Default::default() })),
            ..Default::default()
        };
        let raw = DeltaDiscoveryResponse {
            system_version_info: "s".to_owned(),
            resources: vec![resource.encode_to_vec().into()],
            type_url: "t".to_owned(),
            nonce: "n".to_owned(),
            removed_resources: vec!["b".to_owned()],
        };
        let full = discovery::DeltaDiscoveryResponse {
            system_version_info: "s".to_owned(),
            resources: vec![resource],
            type_url: "t".to_owned(),
            nonce: "n".to_owned(),
            removed_resources: vec!["b".to_owned()],
            ..Default::default()
        };
        assert_eq!(discovery::DeltaDiscoveryResponse::decode(raw.encode_to_vec().as_slice()), Ok(full));
    }

    #[test]
    fn a_raw_response_is_on_the_wire_what_the_proto_file_says() {
        let any = pack(&Cluster { name: "a".to_owned(), ..Default::default() });
        let raw = DiscoveryResponse {
            version_info: "v".to_owned(),
            resources: vec![any.encode_to_vec().into()],
            type_url: "t".to_owned(),
            nonce: "n".to_owned(),
        };
        let full = discovery::DiscoveryResponse {
            version_info: "v".to_owned(),
            resources: vec![any],
            type_url: "t".to_owned(),
            nonce: "n".to_owned(),
            ..Default::default()
        };
        assert_eq!(discovery::DiscoveryResponse::decode(raw.encode_to_vec().as_slice()), Ok(full));
    }
}

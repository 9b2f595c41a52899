//! Answers that are already encoded, or whose resources are, and the services that give them.
//!
//! On the wire the same as `envoy.service.discovery.v3` and `io.linkerd.proxy`: what is encoded once is shared by
//! everyone who is sent it.

use bytes::{Buf, BufMut, Bytes};
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, skip_field};

macro_rules! service {
    ($module:ident, $file:literal) => {
        #[allow(
            clippy::all,
            clippy::allow_attributes_without_reason,
            missing_docs,
            unreachable_pub,
            reason = "the generator's style, not ours"
        )]
        mod $module {
            include!(concat!("generated/", $file, ".rs"));
        }
    };
}

service!(discovery, "envoy.service.discovery.v3.AggregatedDiscoveryService");
service!(destination, "io.linkerd.proxy.destination.Destination");
service!(inbound, "io.linkerd.proxy.inbound.InboundServerPolicies");
service!(outbound, "io.linkerd.proxy.outbound.OutboundPolicies");

pub use destination::destination_server::{Destination, DestinationServer};
pub use discovery::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
pub use inbound::inbound_server_policies_server::{InboundServerPolicies, InboundServerPoliciesServer};
pub use outbound::outbound_policies_server::{OutboundPolicies, OutboundPoliciesServer};

/// A message that is encoded already, of whatever type: all who are sent it share its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded(pub Bytes);

impl prost::Message for Encoded {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        skip_field(wire_type, tag, buf, ctx)
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

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
    /// The text that the client repeats when it accepts or refuses.
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
    /// The text that the client repeats when it accepts or refuses.
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

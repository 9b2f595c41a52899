//! The protocol and the mTLS mode of workloads' ports.

use crate::{Selector, Status, rule};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The protocol of workloads' ports, and their mTLS mode. Where several select a port, the strictest
/// mTLS mode wins.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "heddle.dev",
    version = "v1alpha1",
    kind = "InboundPolicy",
    plural = "inboundpolicies",
    shortname = "hip",
    category = "heddle",
    namespaced,
    status = "Status",
    derive = "PartialEq",
    doc = "What ports of workloads speak and whether they demand mTLS.",
    printcolumn = r#"{"name":"mTLS","type":"string","jsonPath":".spec.mtls"}"#,
    printcolumn = r#"{"name":"Protocol","type":"string","jsonPath":".spec.protocol"}"#,
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.conditions[?(@.type==\"Accepted\")].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[x_kube(validation = Rule::new(rule::SAYS_SOMETHING).message("protocol or mtls must be set"))]
#[serde(rename_all = "camelCase")]
pub struct InboundPolicySpec {
    /// The workloads that are meant. Unset means every workload of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,

    /// The ports that are meant, as peers dial them. Unset means every port, declared or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(range(min = 1, max = 65535)))]
    #[x_kube(validation = Rule::new(rule::NO_PROXY_PORT).message("ports of the proxy itself (4140, 4143, 4190, 4191, 15000, 15001, 15006, 15020, 15090) cannot be named"))]
    pub ports: Option<Vec<u16>>,

    /// The protocol of the ports, whatever a Service says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,

    /// The mTLS mode of the ports. Unset leaves it to other policies, and then to `Permissive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtls: Option<Mtls>,
}

/// The protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Protocol {
    /// HTTP/1.1, or HTTP/2 where the client asks for it.
    HTTP,
    /// HTTP/2 with prior knowledge.
    HTTP2,
    /// gRPC.
    GRPC,
    /// Bytes.
    TCP,
    /// Bytes that are not looked at, not even to tell TLS.
    Opaque,
    /// Whatever the first bytes look like.
    Detect,
}

/// The mTLS mode of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mtls {
    /// Mesh TLS only.
    Strict,
    /// Mesh TLS, the application's own TLS, and plain text; only the first is authenticated.
    Permissive,
    /// No mesh TLS.
    Disabled,
}

//! A process outside the cluster.

use crate::{IpAddress, Protocol, Status};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A process outside the cluster. Services and policies select it by its labels, as they select a Pod; its
/// label `heddle.dev/plane` says which proxy runs beside it.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "heddle.dev",
    version = "v1alpha1",
    kind = "ExternalWorkload",
    plural = "externalworkloads",
    shortname = "hew",
    category = "heddle",
    namespaced,
    status = "Status",
    derive = "PartialEq",
    doc = "A process outside the cluster.",
    printcolumn = r#"{"name":"Address","type":"string","jsonPath":".spec.addresses[0]"}"#,
    printcolumn = r#"{"name":"Account","type":"string","jsonPath":".spec.serviceAccount"}"#,
    printcolumn = r#"{"name":"Zone","type":"string","jsonPath":".spec.zone","priority":1}"#,
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.conditions[?(@.type==\"Accepted\")].status"}"#,
    printcolumn = r#"{"name":"Reach","type":"string","jsonPath":".status.conditions[?(@.type==\"Reach\")].reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ExternalWorkloadSpec {
    /// Its addresses.
    #[schemars(length(min = 1, max = 16))]
    pub addresses: Vec<IpAddress>,

    /// The ServiceAccount, of its own namespace, that it is.
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub service_account: String,

    /// The zone it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub zone: Option<String>,

    /// Ports that it listens at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["port"])
    )]
    pub ports: Vec<ExternalPort>,
}

/// A port of a process outside the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalPort {
    /// Its name, for Services with a named target port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub name: Option<String>,
    /// The port to which peers connect: that of its proxy, if it has one.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// The port at which the application listens. Unset means at `port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub target_port: Option<u16>,
    /// The protocol of the port. Unset leaves that to Services and InboundPolicies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
}

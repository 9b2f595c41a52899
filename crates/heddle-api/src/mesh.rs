//! The settings of the whole mesh.

use crate::{Cidr, Duration, Status, rule};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of the whole mesh. There is one, named `default`.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "heddle.dev",
    version = "v1alpha1",
    kind = "Mesh",
    plural = "meshes",
    shortname = "hmesh",
    category = "heddle",
    status = "Status",
    derive = "PartialEq",
    doc = "The settings of the whole mesh. There is one, named `default`.",
    validation = Rule::new(rule::NAMED_DEFAULT).message("the only Mesh is named \"default\""),
    printcolumn = r#"{"name":"Trust domain","type":"string","jsonPath":".spec.trustDomain"}"#,
    printcolumn = r#"{"name":"Posture","type":"string","jsonPath":".spec.defaultPosture"}"#,
    printcolumn = r#"{"name":"Egress","type":"string","jsonPath":".spec.egress","priority":1}"#,
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.conditions[?(@.type==\"Accepted\")].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[x_kube(
    validation = Rule::new(rule::SUFFIX_FITS).message("a trustDomain of more than 94 characters needs an identitySuffix, of at most 101: names of identities must fit into a DNS name")
)]
#[serde(rename_all = "camelCase")]
pub struct MeshSpec {
    /// The trust domain of every identity of the mesh. It cannot be changed: every certificate names it.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    #[x_kube(validation = Rule::new(rule::UNCHANGED).message("trustDomain cannot be changed"))]
    pub trust_domain: String,

    /// The suffix of the DNS names of all identities, by which mesh TLS is told from other TLS. Unset means
    /// `heddle.` and the trust domain. At most 101 characters, so that the longest names of a namespace and a ServiceAccount
    /// fit before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 101),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub identity_suffix: Option<String>,

    /// The networks of the cluster's Pods and Services. An address in them that nobody in the mesh has is
    /// refused, and never passed through in plain text. Unset means those of ServiceCIDRs and of Nodes
    /// (`spec.podCIDRs`), and the own address of each Pod that none of these holds. In a network
    /// that holds the address of a Node or of the API server, only addresses in networks of ServiceCIDRs and Nodes are
    /// refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new(rule::NO_LOCAL_NETWORK).message("loopback and link-local networks are no networks of a cluster"))]
    pub networks: Vec<Cidr>,

    /// Networks in which addresses that a namespace claims by hand count for the clients of all namespaces. Such claims
    /// are ExternalWorkloads, Linkerd's too, and endpoints that no Pod backs in EndpointSlices of headless Services.
    /// Without a grant they count for clients of their own namespace only. An address of a live Pod, a Service, a Node or
    /// the API server cannot be claimed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 256),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["namespace"])
    )]
    pub address_grants: Vec<AddressGrant>,

    /// The posture of ports that no AccessPolicy covers. A Namespace may say otherwise with the annotation
    /// `heddle.dev/default-posture`.
    #[serde(default)]
    pub default_posture: Posture,

    /// The part of the mesh that Envoys are told of whose traffic is captured. Others are told of everything, but for
    /// linkerd2-proxies, which always ask.
    #[serde(default)]
    pub scope: Scope,

    /// The fate of connections to destinations outside the mesh.
    #[serde(default)]
    pub egress: Egress,

    /// The requests that proxies log.
    #[serde(default)]
    pub access_log: AccessLog,

    /// The time that a proxy waits for a connection to an endpoint: above 0s, at most 1m.
    #[serde(default = "five_seconds")]
    #[x_kube(validation = Rule::new(rule::UP_TO_A_MINUTE).message("must be above 0s and at most 1m"))]
    pub connect_timeout: Duration,
}

/// Networks that are granted to a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddressGrant {
    /// The namespace.
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: String,
    /// The networks.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new(rule::NO_LOCAL_NETWORK).message("loopback and link-local networks cannot be granted"))]
    pub cidrs: Vec<Cidr>,
}

/// The posture of ports that no AccessPolicy covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Posture {
    /// Everyone.
    #[default]
    Allow,
    /// Callers with an identity of the mesh.
    Authenticated,
    /// Nobody.
    Deny,
}

/// The part of the mesh that Envoys are told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Scope {
    /// The Services that their workload dials, each from when it is first dialled on. Memory and bytes follow what is used.
    /// While no controller can be asked, a destination that was not dialled before cannot be reached.
    #[default]
    OnDemand,
    /// All Services.
    All,
}

/// The fate of connections to destinations outside the mesh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Egress {
    /// They are passed through as they are.
    #[default]
    Allow,
    /// They are refused.
    Deny,
}

/// The requests that proxies log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessLog {
    /// None.
    #[default]
    Off,
    /// Those that failed, or were refused by policy.
    Errors,
    /// All.
    All,
}

fn five_seconds() -> Duration {
    Duration("5s".into())
}

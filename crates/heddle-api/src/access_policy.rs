//! Policies of access: callers and requests.

use crate::{Cidr, Selector, Status, rule};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rules about callers. A Deny wins over every Allow; an enforced Allow closes what it covers to everything that no
/// Allow admits.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "heddle.dev",
    version = "v1alpha1",
    kind = "AccessPolicy",
    plural = "accesspolicies",
    shortname = "hap",
    category = "heddle",
    namespaced,
    status = "Status",
    derive = "PartialEq",
    doc = "Who may call.",
    printcolumn = r#"{"name":"Action","type":"string","jsonPath":".spec.action"}"#,
    printcolumn = r#"{"name":"Mode","type":"string","jsonPath":".spec.mode"}"#,
    printcolumn = r#"{"name":"Target","type":"string","jsonPath":".spec.targetRefs[*].name","priority":1}"#,
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.conditions[?(@.type==\"Accepted\")].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[x_kube(
    validation = Rule::new(rule::ONE_WAY_TO_COVER).message("targetRefs excludes selector and ports"),
    validation = Rule::new(rule::DENY_HAS_RULES).message("a Deny needs at least one rule")
)]
#[serde(rename_all = "camelCase")]
pub struct AccessPolicySpec {
    /// The objects that are covered: Services (the workloads and ports behind them) and routes (the requests that they
    /// match), of the policy's own namespace. Unset, with no selector and no ports, is the whole namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    pub target_refs: Option<Vec<TargetRef>>,

    /// The workloads that are covered. Unset means every workload of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,

    /// The ports that are covered, as peers dial them. Unset means every port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(range(min = 1, max = 65535)))]
    #[x_kube(validation = Rule::new(rule::NO_PROXY_PORT).message("ports of the proxy itself (4140, 4143, 4190, 4191, 15000, 15001, 15006, 15020, 15090) cannot be named"))]
    pub ports: Option<Vec<u16>>,

    /// The effect of the rules.
    #[serde(default)]
    pub action: Action,

    /// The choice between deciding, and only being counted and logged.
    #[serde(default)]
    pub mode: Mode,

    /// Any of these matches. An Allow without rules admits nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub rules: Vec<AccessRule>,
}

/// An object that is covered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new(rule::TARGET_KIND)
        .message("group and kind must be \"\" and Service, or gateway.networking.k8s.io and HTTPRoute"),
    validation = Rule::new(rule::SECTION_OF_SERVICE).message("sectionName names a port of a Service")
)]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    /// Empty for a Service, `gateway.networking.k8s.io` for an HTTPRoute.
    #[serde(default)]
    #[schemars(length(max = 253))]
    pub group: String,
    /// The kind of the object.
    pub kind: TargetKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The name of one port of the Service. Unset means all of its ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub section_name: Option<String>,
}

/// A kind of object that a policy may target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TargetKind {
    /// The workloads and target ports behind a Service.
    Service,
    /// The requests that a route matches.
    HTTPRoute,
}

/// The effect of a policy on what its rules match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    /// Admits it.
    #[default]
    Allow,
    /// Refuses it.
    Deny,
}

/// The choice between deciding and only watching.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// It decides.
    #[default]
    Enforce,
    /// It is only counted and logged.
    Audit,
}

/// It matches when a caller and a request do. One of both must be set; everyone at every request is `from` the
/// networks `0.0.0.0/0` and `::/0`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new(rule::RULE_SAYS_SOMETHING).message("one of from and requests must be set")
)]
#[serde(rename_all = "camelCase")]
pub struct AccessRule {
    /// Any of these callers. Unset means everyone, authenticated or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub from: Option<Vec<Peer>>,
    /// Any of these requests. Unset means every request and every TCP connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub requests: Option<Vec<RequestMatch>>,
}

/// A set of callers: one of the identities, ServiceAccounts or namespaces (if any is listed), from one of the
/// networks (if any is listed).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new(rule::PEER_SAYS_SOMETHING)
        .message("one of identities, serviceAccounts, namespaces and networks must be set")
)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// SPIFFE IDs, of any trust domain; `*` is whoever has an identity of this mesh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        inner(length(max = 512), regex(pattern = r"^(\*|spiffe://[^/*\s]+(/[^/*\s]+)+)$"))
    )]
    pub identities: Option<Vec<String>>,
    /// ServiceAccounts of this mesh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub service_accounts: Option<Vec<ServiceAccount>>,
    /// Namespaces of this mesh: every ServiceAccount of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        inner(length(max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))
    )]
    pub namespaces: Option<Vec<String>>,
    /// Networks that the connection comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub networks: Option<Vec<Network>>,
}

/// A ServiceAccount of this mesh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccount {
    /// Its namespace. Unset means the policy's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: Option<String>,
    /// Its name.
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
}

/// A network with holes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// The addresses that match.
    pub cidr: Cidr,
    /// Those of them that do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub except: Vec<Cidr>,
}

/// A set of HTTP requests: all parts that are set must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new(rule::REQUEST_SAYS_SOMETHING)
        .message("one of methods, paths and headers must be set")
)]
#[serde(rename_all = "camelCase")]
pub struct RequestMatch {
    /// Any of these methods, in upper case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(length(max = 32), regex(pattern = r"^[A-Z]+$")))]
    pub methods: Option<Vec<String>>,
    /// Any of these paths, without query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub paths: Option<Vec<PathMatch>>,
    /// All of these headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    pub headers: Option<Vec<HeaderMatch>>,
}

/// A condition on the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new(rule::NO_WILDCARD)
        .message("* stands for nothing in paths: use type PathPrefix with the path before /*")
)]
#[serde(rename_all = "camelCase")]
pub struct PathMatch {
    /// The comparison with `value`.
    #[serde(default)]
    pub r#type: PathMatchType,
    /// The path, or its start. Its spelling does not matter: requests are compared with dot segments and double slashes
    /// resolved, and a character is the same as its escape. `*` stands for nothing (and is written `%2A`).
    #[schemars(
        length(max = 1024),
        regex(pattern = r"^/([^%*?#\s]|%[1-9A-Fa-f][0-9A-Fa-f]|%0[1-9A-Fa-f])*$")
    )]
    pub value: String,
}

/// The comparison of a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PathMatchType {
    /// The whole path.
    Exact,
    /// Whole elements from the start.
    #[default]
    PathPrefix,
}

/// A condition on a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new(rule::VALUE_UNLESS_PRESENT)
        .message("value must be set for Exact and Prefix, and only for them")
)]
#[serde(rename_all = "camelCase")]
pub struct HeaderMatch {
    /// The header's name, in any case.
    #[schemars(length(max = 256), regex(pattern = r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$"))]
    pub name: String,
    /// The comparison with the value.
    #[serde(default)]
    pub r#type: HeaderMatchType,
    /// The value, or its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub value: Option<String>,
}

/// The comparison of a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HeaderMatchType {
    /// The whole value.
    #[default]
    Exact,
    /// The start of the value.
    Prefix,
    /// Any value, but there must be one.
    Present,
}

//! Heddle's own kinds, group `heddle.dev/v1alpha1`, as Kubernetes stores them.
//!
//! The CRD manifests are generated from these types ([`crds`]). Where no API server checks an object
//! (a directory of manifests), [`Schemas`] applies the same schemas and rules.

#![allow(unreachable_pub, reason = "the KubeSchema derive writes a hidden copy of each struct")]

mod access_policy;
mod condition;
mod external_workload;
pub mod gateway;
mod inbound_policy;
mod mesh;
mod rule;
mod schema;
mod selector;
mod text;
mod tidy;

pub use access_policy::{
    AccessPolicy, AccessPolicySpec, AccessRule, Action, HeaderMatch, HeaderMatchType, Mode, Network,
    PathMatch, PathMatchType, Peer, RequestMatch, ServiceAccount, TargetKind, TargetRef,
};
pub use condition::{Condition, ConditionStatus, Status};
pub use external_workload::{ExternalPort, ExternalWorkload, ExternalWorkloadSpec};
pub use inbound_policy::{InboundPolicy, InboundPolicySpec, Mtls, Protocol};
pub use mesh::{AccessLog, AddressGrant, Egress, Mesh, MeshSpec, Posture, Scope};
pub use schema::{Problem, Schemas};
pub use selector::Selector;
pub use text::{Cidr, Duration, IpAddress};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// The API group of Heddle's kinds.
pub const GROUP: &str = "heddle.dev";

/// The version of [`GROUP`] that is stored and served.
pub const VERSION: &str = "v1alpha1";

/// The definition of every kind of [`GROUP`], by name.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut crds = vec![AccessPolicy::crd(), ExternalWorkload::crd(), InboundPolicy::crd(), Mesh::crd()];
    crds.iter_mut().for_each(tidy::tidy);
    crds
}

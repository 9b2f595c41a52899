//! The kinds of objects that are read, and all that is the same for every object of a kind: one table.

use crate::capture::{CAPTURE, SKIP_INBOUND, SKIP_OUTBOUND, USES};
use std::fmt;

/// The kinds of objects that are lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1/Namespace`
    Namespace,
    /// `v1/Node`
    Node,
    /// `v1/Pod`
    Pod,
    /// `networking.k8s.io/v1/ServiceCIDR`
    ServiceCidr,
    /// `v1/Service`
    Service,
    /// `discovery.k8s.io/v1/EndpointSlice`
    EndpointSlice,
    /// `gateway.networking.k8s.io/v1/HTTPRoute`
    HttpRoute,
    /// `gateway.networking.k8s.io/v1/GRPCRoute`
    GrpcRoute,
    /// `gateway.networking.k8s.io/v1/ReferenceGrant`
    ReferenceGrant,
    /// `heddle.dev/v1alpha1/Mesh`
    Mesh,
    /// `heddle.dev/v1alpha1/InboundPolicy`
    InboundPolicy,
    /// `heddle.dev/v1alpha1/AccessPolicy`
    AccessPolicy,
    /// `heddle.dev/v1alpha1/ExternalWorkload`
    ExternalWorkload,
    /// `policy.linkerd.io/v1beta3/Server`
    Server,
    /// `policy.linkerd.io/v1beta1/ServerAuthorization`
    ServerAuthorization,
    /// `policy.linkerd.io/v1alpha1/AuthorizationPolicy`
    AuthorizationPolicy,
    /// `policy.linkerd.io/v1alpha1/MeshTLSAuthentication`
    MeshTlsAuthentication,
    /// `policy.linkerd.io/v1alpha1/NetworkAuthentication`
    NetworkAuthentication,
    /// `policy.linkerd.io/v1beta3/HTTPRoute`
    LinkerdHttpRoute,
    /// `policy.linkerd.io/v1alpha1/HTTPLocalRateLimitPolicy`
    RateLimitPolicy,
    /// `policy.linkerd.io/v1alpha1/EgressNetwork`
    EgressNetwork,
    /// `linkerd.io/v1alpha2/ServiceProfile`
    ServiceProfile,
    /// `workload.linkerd.io/v1beta1/ExternalWorkload`
    LinkerdExternalWorkload,
}

/// A kind: where it lives in the Kubernetes API, and what it means to Heddle.
#[derive(Debug)]
pub struct KindSpec {
    /// The kind that this describes.
    pub kind: Kind,
    /// The kind as in `kind:`, without its group.
    pub name: &'static str,
    /// The API group; empty for the core.
    pub group: &'static str,
    /// The versions that are read, in order of preference: the next one where the cluster lacks the first.
    pub versions: &'static [&'static str],
    /// The resource, as in URLs.
    pub plural: &'static str,
    /// The place of its objects.
    pub scope: Scope,
    /// The project that defines it.
    pub origin: Origin,
    /// The meaning of its absence from a cluster.
    pub presence: Presence,
    /// The form of the status that Heddle writes.
    pub status: StatusForm,
    /// The rule that holds while an object of the kind cannot be read.
    pub unreadable: &'static str,
    /// The keys of Heddle's that its objects may have; `None` where none is looked at.
    pub keys: Option<Keys>,
}

/// The place of a kind's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The cluster.
    Cluster,
    /// A namespace.
    Namespaced,
}

/// The project that defines a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Kubernetes itself: the API server serves it without a definition.
    Kubernetes,
    /// The Gateway API.
    GatewayApi,
    /// Heddle.
    Heddle,
    /// Linkerd.
    Linkerd,
}

/// The meaning of a kind's absence from a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The mesh does not work without it: an answer could leave out a policy.
    Required,
    /// It may be absent, and come later.
    Optional,
}

/// The form of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusForm {
    /// Heddle writes none.
    None,
    /// `status.conditions`.
    Conditions,
    /// `status.parents`, each with conditions, as the Gateway API has them for routes.
    Parents,
    /// `status.conditions` with the object that the policy is for, and without `observedGeneration` (Linkerd).
    Target,
}

/// Labels and annotations named `heddle.dev/…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The labels.
    pub labels: &'static [&'static str],
    /// The annotations.
    pub annotations: &'static [&'static str],
}

/// Every kind, in the order of [`Kind`].
static SPECS: [KindSpec; 23] = [
    KindSpec {
        scope: Scope::Cluster,
        keys: keys(&["heddle.dev/inject"], &["heddle.dev/default-posture", USES]),
        ..kubernetes(Kind::Namespace, "", "Namespace", "namespaces")
    },
    KindSpec { scope: Scope::Cluster, ..kubernetes(Kind::Node, "", "Node", "nodes") },
    KindSpec { keys: POD, ..kubernetes(Kind::Pod, "", "Pod", "pods") },
    KindSpec {
        scope: Scope::Cluster,
        // Served since Kubernetes 1.33.
        presence: Presence::Optional,
        ..kubernetes(Kind::ServiceCidr, "networking.k8s.io", "ServiceCIDR", "servicecidrs")
    },
    KindSpec { keys: keys(&[], &[]), ..kubernetes(Kind::Service, "", "Service", "services") },
    kubernetes(Kind::EndpointSlice, "discovery.k8s.io", "EndpointSlice", "endpointslices"),
    KindSpec { status: StatusForm::Parents, ..gateway(Kind::HttpRoute, "HTTPRoute", "httproutes") },
    KindSpec { status: StatusForm::Parents, ..gateway(Kind::GrpcRoute, "GRPCRoute", "grpcroutes") },
    KindSpec {
        versions: &["v1", "v1beta1"],
        ..gateway(Kind::ReferenceGrant, "ReferenceGrant", "referencegrants")
    },
    KindSpec {
        scope: Scope::Cluster,
        unreadable: "until it is corrected the posture and egress are Deny",
        ..heddle(Kind::Mesh, "Mesh", "meshes")
    },
    KindSpec {
        unreadable: "until it is corrected every workload of the namespace is Strict",
        ..heddle(Kind::InboundPolicy, "InboundPolicy", "inboundpolicies")
    },
    KindSpec { unreadable: CLOSED, ..heddle(Kind::AccessPolicy, "AccessPolicy", "accesspolicies") },
    KindSpec { keys: WORKLOAD, ..heddle(Kind::ExternalWorkload, "ExternalWorkload", "externalworkloads") },
    KindSpec {
        unreadable: CLOSED,
        ..policy(Kind::Server, "Server", "servers", &["v1beta3", "v1beta2", "v1beta1"])
    },
    policy(Kind::ServerAuthorization, "ServerAuthorization", "serverauthorizations", &["v1beta1"]),
    policy(Kind::AuthorizationPolicy, "AuthorizationPolicy", "authorizationpolicies", &["v1alpha1"]),
    policy(Kind::MeshTlsAuthentication, "MeshTLSAuthentication", "meshtlsauthentications", &["v1alpha1"]),
    policy(Kind::NetworkAuthentication, "NetworkAuthentication", "networkauthentications", &["v1alpha1"]),
    KindSpec {
        status: StatusForm::Parents,
        ..policy(
            Kind::LinkerdHttpRoute,
            "HTTPRoute",
            "httproutes",
            &["v1beta3", "v1beta2", "v1beta1", "v1alpha1"],
        )
    },
    KindSpec {
        status: StatusForm::Target,
        ..policy(
            Kind::RateLimitPolicy,
            "HTTPLocalRateLimitPolicy",
            "httplocalratelimitpolicies",
            &["v1alpha1"],
        )
    },
    KindSpec {
        status: StatusForm::Target,
        unreadable: "until it is corrected all that is outside is denied",
        ..policy(Kind::EgressNetwork, "EgressNetwork", "egressnetworks", &["v1alpha1"])
    },
    KindSpec {
        group: "linkerd.io",
        ..policy(Kind::ServiceProfile, "ServiceProfile", "serviceprofiles", &["v1alpha2"])
    },
    KindSpec {
        group: "workload.linkerd.io",
        keys: keys(&[], &[SKIP_INBOUND]),
        ..policy(
            Kind::LinkerdExternalWorkload,
            "ExternalWorkload",
            "externalworkloads",
            &["v1beta1", "v1alpha1"],
        )
    },
];

const CLOSED: &str = "until it is corrected nobody is admitted to any workload of the namespace";
const POD: Option<Keys> = keys(
    &["heddle.dev/inject", "heddle.dev/plane"],
    &[
        CAPTURE,
        "heddle.dev/injected",
        "heddle.dev/injected-settings",
        "heddle.dev/merge-metrics",
        "heddle.dev/proxy-cpu-limit",
        "heddle.dev/proxy-cpu-request",
        "heddle.dev/proxy-log-level",
        "heddle.dev/proxy-memory-limit",
        "heddle.dev/proxy-memory-request",
        SKIP_INBOUND,
        SKIP_OUTBOUND,
        USES,
    ],
);
const WORKLOAD: Option<Keys> = keys(&["heddle.dev/plane"], &[SKIP_INBOUND, USES]);

const fn keys(labels: &'static [&'static str], annotations: &'static [&'static str]) -> Option<Keys> {
    Some(Keys { labels, annotations })
}

/// A namespaced kind of Kubernetes itself, version `v1`.
const fn kubernetes(kind: Kind, group: &'static str, name: &'static str, plural: &'static str) -> KindSpec {
    KindSpec {
        kind,
        name,
        group,
        versions: &["v1"],
        plural,
        scope: Scope::Namespaced,
        origin: Origin::Kubernetes,
        presence: Presence::Required,
        status: StatusForm::None,
        unreadable: "the object is not used",
        keys: None,
    }
}

/// A namespaced kind of the Gateway API, version `v1`.
const fn gateway(kind: Kind, name: &'static str, plural: &'static str) -> KindSpec {
    KindSpec {
        origin: Origin::GatewayApi,
        presence: Presence::Optional,
        ..kubernetes(kind, "gateway.networking.k8s.io", name, plural)
    }
}

/// A namespaced kind of Heddle's own.
const fn heddle(kind: Kind, name: &'static str, plural: &'static str) -> KindSpec {
    KindSpec {
        versions: &["v1alpha1"],
        origin: Origin::Heddle,
        status: StatusForm::Conditions,
        ..kubernetes(kind, "heddle.dev", name, plural)
    }
}

/// A kind of Linkerd's policy group.
const fn policy(
    kind: Kind,
    name: &'static str,
    plural: &'static str,
    versions: &'static [&'static str],
) -> KindSpec {
    KindSpec {
        versions,
        origin: Origin::Linkerd,
        presence: Presence::Optional,
        ..kubernetes(kind, "policy.linkerd.io", name, plural)
    }
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Self; 23] = [
        Self::Namespace,
        Self::Node,
        Self::Pod,
        Self::ServiceCidr,
        Self::Service,
        Self::EndpointSlice,
        Self::HttpRoute,
        Self::GrpcRoute,
        Self::ReferenceGrant,
        Self::Mesh,
        Self::InboundPolicy,
        Self::AccessPolicy,
        Self::ExternalWorkload,
        Self::Server,
        Self::ServerAuthorization,
        Self::AuthorizationPolicy,
        Self::MeshTlsAuthentication,
        Self::NetworkAuthentication,
        Self::LinkerdHttpRoute,
        Self::RateLimitPolicy,
        Self::EgressNetwork,
        Self::ServiceProfile,
        Self::LinkerdExternalWorkload,
    ];

    /// Returns all that is the same for every object of the kind.
    pub fn spec(self) -> &'static KindSpec {
        &SPECS[self as usize]
    }

    /// Returns the kind that a manifest's `apiVersion` and `kind` mean, if it is one that is read.
    pub fn from_manifest(api_version: &str, kind: &str) -> Option<Self> {
        let is = |spec: &&KindSpec| {
            spec.name == kind && spec.versions.iter().any(|version| spec.api_version(version) == api_version)
        };
        SPECS.iter().find(is).map(|spec| spec.kind)
    }

    /// Returns the kind as Kubernetes writes it, without its group.
    pub fn as_str(self) -> &'static str {
        self.spec().name
    }
}

impl KindSpec {
    /// Returns the version that is read first.
    pub fn version(&self) -> &'static str {
        self.versions[0]
    }

    /// Returns `GROUP/VERSION`, or the version alone for the core: as in `apiVersion:`.
    pub fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.into() } else { format!("{}/{version}", self.group) }
    }
}

/// The kind as messages name it: with its group where another group, listed before, has a kind of that name.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let KindSpec { name, group, .. } = self.spec();
        f.write_str(name)?;
        let before = SPECS[..*self as usize].iter();
        if before.into_iter().any(|other| other.name == *name) { write!(f, ".{group}") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_its_row() {
        for (kind, spec) in Kind::ALL.into_iter().zip(&SPECS) {
            assert_eq!((kind, kind.spec().kind), (spec.kind, kind));
        }
        let places: BTreeSet<_> = SPECS.iter().map(|spec| (spec.group, spec.plural)).collect();
        assert_eq!(places.len(), SPECS.len(), "no resource stands in two rows");
    }

    #[test]
    fn a_kind_is_found_by_its_manifest_in_every_version() {
        for spec in &SPECS {
            for version in spec.versions {
                assert_eq!(Kind::from_manifest(&spec.api_version(version), spec.name), Some(spec.kind));
            }
        }
        assert_eq!(
            Kind::from_manifest("policy.linkerd.io/v1alpha1", "HTTPRoute"),
            Some(Kind::LinkerdHttpRoute)
        );
        assert_eq!(Kind::from_manifest("gateway.networking.k8s.io/v1beta1", "HTTPRoute"), None);
        assert_eq!(Kind::from_manifest("apps/v1", "Pod"), None);
    }

    #[test]
    fn kinds_of_one_name_are_told_apart() {
        let names: BTreeSet<_> = Kind::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        assert_eq!(Kind::LinkerdHttpRoute.to_string(), "HTTPRoute.policy.linkerd.io");
        assert_eq!(Kind::HttpRoute.to_string(), "HTTPRoute");
    }

    #[test]
    fn only_kinds_of_heddle_and_the_core_are_required() {
        let required = SPECS.iter().filter(|spec| spec.presence == Presence::Required);
        let origins: BTreeSet<_> = required.map(|spec| format!("{:?}", spec.origin)).collect();
        assert_eq!(origins, ["Heddle", "Kubernetes"].map(String::from).into());
    }
}

//! Linkerd's policy objects, which open and close ports: a Server is a port of some workloads, and is
//! closed but to those that authorizations name.

use crate::access::{Network, Principal};
use crate::labels::{Labels, Selector};
use crate::port::{Protocol, TargetPort};
use crate::{Identity, Name, SourceRef};
use std::collections::BTreeSet;

/// The ports that Linkerd takes for opaque where nobody says otherwise: SMTP, mail submission, MySQL, Galera,
/// PostgreSQL, Redis, Elasticsearch and memcached.
pub const DEFAULT_OPAQUE_PORTS: [u16; 8] = [25, 587, 3306, 4444, 5432, 6379, 9300, 11211];

/// One port of the workloads that it selects, in its own namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The class of workloads that is looked at.
    pub among: WorkloadClass,
    /// Their labels.
    pub selector: Selector,
    /// Their port, as peers dial it.
    pub port: TargetPort,
    /// The port's protocol; `None` leaves it to other statements.
    pub protocol: Option<Protocol>,
    /// The callers whom it admits besides those that authorizations name.
    pub default_policy: DefaultPolicy,
    /// Its own labels: authorizations may select it by them.
    pub labels: Labels,
    /// `metadata.creationTimestamp` in seconds since 1970; absent counts as oldest.
    pub created: Option<i64>,
}

/// The class of workloads that a Server may select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkloadClass {
    /// Pods.
    Pods,
    /// ExternalWorkloads.
    Externals,
}

/// The callers whom a port admits by default (Linkerd's `accessPolicy` and `default-inbound-policy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DefaultPolicy {
    /// Everyone.
    All,
    /// Whoever has an identity of this mesh.
    AllAuthenticated,
    /// Everyone from the Mesh's networks.
    Cluster,
    /// Whoever has an identity of this mesh, from the Mesh's networks.
    ClusterAuthenticated,
    /// Nobody.
    Deny,
    /// Everyone; what authorizations would refuse is counted.
    Audit,
}

impl DefaultPolicy {
    /// Returns whether it hangs on the Mesh's networks.
    pub const fn is_cluster(self) -> bool {
        match self {
            Self::Cluster | Self::ClusterAuthenticated => true,
            Self::All | Self::AllAuthenticated | Self::Deny | Self::Audit => false,
        }
    }
}

/// The callers of the ports of Servers, or of the requests of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The object that it opens, in its own namespace.
    pub opens: Opens,
    /// All of these must hold. None: anyone may call.
    pub requires: Vec<Requirement>,
}

/// An object that an authorization opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opens {
    /// The ports of one Server.
    Server(Name),
    /// The ports of all Servers with these labels.
    Servers(Selector),
    /// The requests of one route, at the Servers that it is attached to.
    Route(SourceRef),
}

/// One thing that an authorization requires of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// One of these callers.
    Here(Authentication),
    /// One of the callers that another object names. While that is not there or cannot be read, nobody is.
    Object(SourceRef),
}

/// A set of callers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    /// Any of these. `None`: anyone, proven or not; empty: nobody.
    pub clients: Option<Vec<Client>>,
    /// From any of these. `None`: from anywhere; empty: from nowhere.
    pub networks: Option<Vec<Network>>,
}

impl Authentication {
    /// Nobody.
    pub const NOBODY: Self = Self { clients: Some(Vec::new()), networks: None };
}

/// A caller as an object names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client {
    /// Whatever the Mesh is.
    Known(Principal),
    /// By the DNS name of its identity, or by the end of that after `*.`: whom that means hangs on the Mesh's
    /// suffix.
    Dns(Name),
}

/// The number of requests that a Server takes, each proxy counting for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitPolicy {
    /// The Server, in its own namespace.
    pub server: Name,
    /// Of all clients together, per second.
    pub total: Option<u32>,
    /// Of each client identity that no override names, per second.
    pub identity: Option<u32>,
    /// Of each of these identities, per second.
    pub overrides: Vec<(BTreeSet<Identity>, u32)>,
    /// `metadata.creationTimestamp` in seconds since 1970; absent counts as oldest.
    pub created: Option<i64>,
}

/// The annotations `config.linkerd.io/…` of a workload's proxy. Only Linkerd's heeds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyConfig {
    /// `default-inbound-policy`: whom ports without a Server admit.
    pub default_policy: Option<DefaultPolicy>,
    /// `opaque-ports`: bytes that must not be looked at.
    pub opaque_ports: Option<BTreeSet<u16>>,
    /// `skip-inbound-ports`: the proxy never sees these.
    pub skip_inbound_ports: Option<BTreeSet<u16>>,
}

//! Routes as resolved: one table per Service port and group of clients.

use crate::http::{Filters, Fraction, Redirect};
use crate::{Families, Kind, ServicePortKey, SourceRef};
use std::sync::Arc;
use std::time::Duration;

/// The rules of a Service port, best match first.
///
/// A request that no rule matches is answered 404 (GEP-1294). There is no table for a port without routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable<M> {
    /// In Gateway API precedence: the first that matches wins.
    pub entries: Vec<RouteEntry<M>>,
}

/// One match of one rule. A rule with two matches is two entries that share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteEntry<M> {
    /// The match.
    pub matcher: M,
    /// The rule.
    pub rule: Arc<RouteRule>,
}

/// The handling of the requests of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRule {
    /// The route.
    pub source: SourceRef,
    /// The rule's place in `spec.rules`, from 0.
    pub index: usize,
    /// Changes to what passes.
    pub filters: Filters,
    /// The answer in place of every backend.
    pub redirect: Option<Redirect>,
    /// Places that get copies of requests, and whose answers nobody sees. One that cannot be reached is not here.
    pub mirrors: Vec<Mirror>,
    /// The backends; empty answers 500, unless there is a redirect.
    pub backends: Vec<WeightedBackend>,
    /// The whole transaction with all retries. `Some(ZERO)` is no limit; `None` is not said.
    pub request_timeout: Option<Duration>,
    /// One attempt. `Some(ZERO)` is no limit; `None` is not said.
    pub backend_timeout: Option<Duration>,
    /// Retries; `None` is not said.
    pub retry: Option<Retry>,
}

/// Returns the status of the answer to requests that have nowhere to go, by a route of a kind: 500, and what gRPC clients
/// read as `UNAVAILABLE` for a GRPCRoute (`GRPCRouteRule.backendRefs`).
pub fn broken_status(kind: Kind) -> u16 {
    if kind == Kind::GrpcRoute { 503 } else { 500 }
}

impl RouteRule {
    /// Returns the status of the answer to requests that have nowhere to go ([`broken_status`]).
    pub fn broken_status(&self) -> u16 {
        broken_status(self.source.kind)
    }

    /// Returns the Service ports that requests or copies of them are sent to.
    pub fn ports(&self) -> impl Iterator<Item = &ServicePortKey> {
        let backends = self.backends.iter().filter_map(|share| match &share.backend {
            Backend::Service { port, families: _ } => Some(port),
            Backend::Broken { reason: _, message: _ } => None,
        });
        backends.chain(self.mirrors.iter().map(|mirror| &mirror.port))
    }
}

/// A backend and its share. Weights are relative to their sum; one with weight 0 is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedBackend {
    /// At least 1.
    pub weight: u32,
    /// The target.
    pub backend: Backend,
    /// Changes to what goes here and comes from here, after the rule's.
    pub filters: Filters,
}

/// A place that gets copies of requests (Gateway API `HTTPRequestMirrorFilter`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The port.
    pub port: ServicePortKey,
    /// The families of the Service, as for a backend.
    pub families: Families,
    /// The share of the requests.
    pub fraction: Fraction,
}

/// The place where a share of the requests goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// To the endpoints of a Service port; its own routes do not apply again.
    Service {
        /// The port.
        port: ServicePortKey,
        /// The families of the Service: with that of the dialled address they choose among the endpoints.
        families: Families,
    },
    /// Nowhere: 500.
    Broken {
        /// A Gateway API reason: `BackendNotFound`, `InvalidKind`, ….
        reason: &'static str,
        /// The missing thing, as its author reads it.
        message: Arc<str>,
    },
}

/// The limits of requests of a Service that no route is attached to, and of rules that do not state any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteDefaults {
    /// The whole transaction with all retries.
    pub request_timeout: Option<Duration>,
    /// One attempt.
    pub backend_timeout: Option<Duration>,
    /// Retries.
    pub retry: Option<Retry>,
}

impl RouteDefaults {
    /// Returns what holds for the requests of a rule: what it says, and these where it says nothing.
    pub fn of(&self, rule: &RouteRule) -> Self {
        let Self { request_timeout, backend_timeout, retry } = self;
        Self {
            request_timeout: rule.request_timeout.or(*request_timeout),
            backend_timeout: rule.backend_timeout.or(*backend_timeout),
            retry: rule.retry.clone().or_else(|| retry.clone()),
        }
    }
}

/// The conditions and the number of retries (Gateway API `HTTPRouteRetry`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts after the first; 0 turns retries off.
    pub attempts: u32,
    /// Status codes that are tried again, beside failed connections and refused streams.
    pub codes: Vec<u16>,
    /// The least time between attempts.
    pub backoff: Option<Duration>,
}

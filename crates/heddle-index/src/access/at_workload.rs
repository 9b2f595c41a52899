//! Access to each port of one workload.

use crate::access::default_policy;
use crate::access::governing;
use crate::access::mtls::PortRef;
use crate::access::policy::Resolved;
use crate::access::pool::Pool;
use crate::access::route_access::{Found, too_many};
use crate::access::selected::{Selected, Settings};
use crate::services::member::ServiceBackend;
use crate::status::findings::Finding;
use crate::tables::{Tables, selects};
use crate::workloads::view::View;
use heddle_model::access::{Access, Policy, Posture, RateLimit, RouteAccess};
use heddle_model::fact::{AccessPolicy, Covers, Protocol, Workload};
use heddle_model::{Kind, Name, ServicePortKey, SourceRef, WorkloadKey};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The access rules around one workload.
pub(crate) struct AccessContext<'a> {
    posture: Posture,
    posture_source: Option<SourceRef>,
    /// In the order of their names.
    policies: Vec<(&'a SourceRef, &'a Resolved, Covered)>,
    /// The policies on routes, by port.
    routes: BTreeMap<u16, Arc<Found>>,
    cidrs: &'a [IpNet],
    /// The Servers at its ports.
    selected: Selected<'a>,
    /// The annotations about its proxy.
    settings: Settings<'a>,
    /// The Allow that the workload's own default policy implies besides its posture.
    implied_allow: Option<Policy>,
}

/// The ports of one workload that a policy covers.
pub(crate) enum Covered {
    /// All that peers dial at these numbers; none: at all, declared or not.
    Ports(BTreeSet<u16>),
    /// The ports behind its targets: those whose traffic is covered whole, and those at which requests of routes are.
    Targets { whole: BTreeSet<u16>, routed: BTreeSet<u16> },
}

impl<'a> AccessContext<'a> {
    /// Finds the policies that cover a workload.
    pub(crate) fn new(
        view: &View<'a>,
        key: &WorkloadKey,
        workload: &Workload,
        edges: &[ServiceBackend],
        pool: &mut Pool,
    ) -> Self {
        let tables = view.tables;
        let (posture, posture_source) = posture(tables, &key.namespace);
        let routes = routes(view, key, edges, pool);
        let covering = tables.of_namespace(Kind::AccessPolicy, &key.namespace).filter_map(|(source, row)| {
            let resolved = view.policies.get(source)?;
            let covered = covered(source, tables.access_policy(row)?, resolved, workload, edges, &routes)?;
            Some((source, resolved, covered))
        });
        let (selected, settings) = (Selected::default(), Settings::default());
        let (policies, cidrs) = (covering.collect(), view.cidrs);
        Self { posture, posture_source, policies, routes, cidrs, selected, settings, implied_allow: None }
    }

    /// With the Servers that select the workload, and what annotations say of it.
    pub(crate) fn with(
        mut self,
        selected: Selected<'a>,
        settings: Settings<'a>,
        finding: &mut Finding,
    ) -> Self {
        if let Some((default_policy, source)) = &settings.default_policy {
            finding.diagnostics.extend(default_policy::fault(*default_policy, self.cidrs, source));
            self.posture = default_policy::posture(*default_policy);
            self.implied_allow = default_policy::implied_allow(*default_policy, self.cidrs, source);
            self.posture_source = Some(source.clone());
        }
        Self { selected, settings, ..self }
    }

    /// Returns what a Server says that a port speaks, or an annotation.
    pub(crate) fn protocol(&self, number: u16) -> Option<Protocol> {
        let of_server = self.selected.ports.get(&number).and_then(|at| at.server.protocol);
        of_server.or_else(|| self.settings.is_opaque(number).then_some(Protocol::Opaque))
    }

    /// Returns what a port speaks of which nobody says it.
    pub(crate) fn default_protocol(&self, number: u16) -> Protocol {
        if self.settings.is_opaque_by_default(number) { Protocol::Opaque } else { Protocol::Detect }
    }

    /// Returns how many requests a port takes.
    pub(crate) fn rate_limit(&self, number: u16) -> Option<Arc<RateLimit>> {
        self.selected.ports.get(&number)?.resolved.rate_limit.clone()
    }

    /// The ports that annotations name.
    pub(crate) fn declared(&self) -> impl Iterator<Item = u16> {
        self.settings.declared()
    }

    /// The ports that policies, Servers and annotations name.
    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> {
        let named = self.selected.ports.keys().copied().chain(self.declared());
        let covered = self.policies.iter().flat_map(|(_, _, covered)| match covered {
            Covered::Ports(ports) => ports.iter().copied().collect::<Vec<_>>(),
            Covered::Targets { whole, routed } => whole.union(routed).copied().collect(),
        });
        named.chain(covered)
    }

    /// The Servers at the workload's ports.
    pub(crate) fn servers(&self) -> impl Iterator<Item = (u16, &SourceRef)> {
        self.selected.ports.iter().map(|(port, at)| (*port, at.source))
    }

    /// The policies that cover the workload, and where.
    pub(crate) fn covering(&self) -> impl Iterator<Item = (&SourceRef, &Covered)> {
        self.policies.iter().map(|(source, _, covered)| (*source, covered))
    }

    /// Everything that decides who may call a port.
    pub(crate) fn at(&self, port: PortRef, finding: &mut Finding) -> Access {
        let covering = self.policies.iter().filter(|(_, _, covered)| covered.covers_all_of(port));
        let mut policies: Vec<_> = covering.map(|(source, resolved, _)| resolved.policy(source)).collect();
        policies.extend(self.selected.closing.iter().map(|source| default_policy::closed(source)));
        let mut access = Access {
            posture: self.posture,
            posture_source: self.posture_source.clone(),
            policies,
            routes: None,
        };
        let mut served = None;
        match self.selected.at(port) {
            Some(at) => {
                access.posture = at.resolved.posture;
                access.posture_source = Some(at.source.clone());
                access.policies.extend(at.resolved.policies.iter().cloned());
                served = at.resolved.routes.clone();
            }
            None => access.policies.extend(self.implied_allow.clone()),
        }
        access.routes = self.joined(port, served, finding);
        access.policies.sort_by(|a, b| a.source.cmp(&b.source));
        access
    }

    /// The policies on routes at a port, and those on routes of its Server: both have their say.
    fn joined(
        &self,
        port: PortRef,
        served: Option<Arc<RouteAccess>>,
        finding: &mut Finding,
    ) -> Option<Arc<RouteAccess>> {
        let found = match port {
            PortRef::Number(number) => self.routes.get(&number),
            PortRef::Undeclared => None,
        };
        if let Some(found) = found {
            finding.overridden.extend(found.finding.overridden.iter().cloned());
            finding.unclear.extend(found.finding.unclear.iter().cloned());
        }
        let routes = found.map(|found| found.access.clone());
        let (Some(routes), Some(served)) = (&routes, &served) else { return routes.or(served) };
        let joined = governing::both(served, routes);
        if let Err(number) = joined {
            let all = routes.governors.iter().flat_map(|governor| &governor.policies);
            finding.unclear.extend(all.map(|policy| too_many(policy, number)));
        }
        Some(Arc::new(joined.unwrap_or_else(|_| governing::neither(served, routes))))
    }
}

impl Covered {
    /// The ports that the policy names; `None` where its targets do.
    pub(crate) fn named(&self) -> Option<&BTreeSet<u16>> {
        match self {
            Self::Ports(ports) => Some(ports),
            Self::Targets { .. } => None,
        }
    }

    /// Returns whether a port is named, not only covered with all others.
    pub(crate) fn names(&self, port: u16) -> bool {
        match self {
            Self::Ports(ports) => ports.contains(&port),
            Self::Targets { whole, routed } => whole.contains(&port) || routed.contains(&port),
        }
    }

    /// Returns whether the policy covers something of a port.
    pub(crate) fn covers(&self, port: PortRef) -> bool {
        let routed = match (self, port) {
            (Self::Targets { whole: _, routed }, PortRef::Number(number)) => routed.contains(&number),
            (Self::Ports(_) | Self::Targets { .. }, _) => false,
        };
        routed || self.covers_all_of(port)
    }

    /// Returns whether the policy covers all that comes to a port.
    fn covers_all_of(&self, port: PortRef) -> bool {
        match (self, port) {
            (Self::Ports(ports), port) => port.is_among(ports),
            (Self::Targets { whole, routed: _ }, PortRef::Number(number)) => whole.contains(&number),
            (Self::Targets { .. }, PortRef::Undeclared) => false,
        }
    }
}

/// The policies on routes at each port that some Service of the workload's namespace leads to.
fn routes(
    view: &View,
    key: &WorkloadKey,
    edges: &[ServiceBackend],
    pool: &mut Pool,
) -> BTreeMap<u16, Arc<Found>> {
    let mut behind: BTreeMap<u16, BTreeSet<ServicePortKey>> = BTreeMap::new();
    for edge in edges.iter().filter(|edge| edge.port.service.namespace == key.namespace) {
        behind.entry(edge.target).or_default().insert(edge.port.clone());
    }
    let found = behind.into_iter().filter_map(|(target, behind)| {
        Some((target, pool.routes(behind, |behind| view.routes.resolve(&key.namespace, behind))?))
    });
    found.collect()
}

/// Returns what a policy covers of a workload; `None` for nothing.
fn covered(
    source: &SourceRef,
    policy: &AccessPolicy,
    resolved: &Resolved,
    workload: &Workload,
    edges: &[ServiceBackend],
    routes: &BTreeMap<u16, Arc<Found>>,
) -> Option<Covered> {
    match &policy.covers {
        Covers::Namespace => Some(Covered::Ports(BTreeSet::new())),
        Covers::Workloads { selector, ports } => {
            selects(selector, &workload.labels).then(|| Covered::Ports(ports.clone()))
        }
        Covers::Targets(_) => {
            let whole = edges.iter().filter(|edge| resolved.ports.contains(&edge.port));
            let whole: BTreeSet<_> = whole.map(|edge| edge.target).collect();
            let routed = routes.iter().filter(|(_, found)| found.access.holds(source));
            let routed: BTreeSet<_> = routed.map(|(target, _)| *target).collect();
            (!whole.is_empty() || !routed.is_empty()).then_some(Covered::Targets { whole, routed })
        }
    }
}

/// Returns what holds where no Allow covers, and who said so.
fn posture(tables: &Tables, namespace: &Name) -> (Posture, Option<SourceRef>) {
    if let Some((source, namespace)) = tables.namespace(namespace)
        && let Some(posture) = namespace.posture
    {
        return (posture, Some(source.clone()));
    }
    tables.mesh_posture()
}

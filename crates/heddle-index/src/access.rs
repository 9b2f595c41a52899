//! Who may call each port of one workload.

use crate::findings::Finding;
use crate::member::Edge;
use crate::mtls::PortRef;
use crate::policy::{Resolved, Scope};
use crate::selected::{Selected, Settings};
use crate::stance;
use crate::tables::{Tables, selects};
use crate::workload::View;
use heddle_model::access::{Access, Action, Policy, Posture, RateLimit};
use heddle_model::fact::{AccessPolicy, Covers, Protocol, Workload};
use heddle_model::http::HttpMatch;
use heddle_model::{Kind, Name, SourceRef, WorkloadKey};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The access rules around one workload.
pub(crate) struct Around<'a> {
    posture: Posture,
    posture_source: Option<SourceRef>,
    /// In the order of their names.
    policies: Vec<(&'a SourceRef, &'a Resolved, Covered)>,
    cidrs: &'a [IpNet],
    /// The Servers at its ports.
    selected: Selected<'a>,
    /// What annotations say of its proxy.
    settings: Settings<'a>,
    /// What the workload's own stance says beside its posture.
    beside: Option<Policy>,
}

/// The ports of one workload that a policy covers.
pub(crate) enum Covered {
    /// All that peers dial at these numbers; none: at all, declared or not.
    Ports(BTreeSet<u16>),
    /// What its targets lead to.
    Scopes(BTreeMap<u16, Scope>),
}

impl<'a> Around<'a> {
    /// Finds the policies that cover a workload.
    pub(crate) fn new(view: &View<'a>, key: &WorkloadKey, workload: &Workload, edges: &[Edge]) -> Self {
        let tables = view.tables;
        let (posture, posture_source) = posture(tables, &key.namespace);
        let covering = tables.of_namespace(Kind::AccessPolicy, &key.namespace).filter_map(|(source, row)| {
            let resolved = view.policies.get(source)?;
            let covered = covered(tables.access_policy(row)?, resolved, workload, edges)?;
            Some((source, resolved, covered))
        });
        let (selected, settings) = (Selected::default(), Settings::default());
        let (policies, cidrs) = (covering.collect(), view.cidrs);
        Self { posture, posture_source, policies, cidrs, selected, settings, beside: None }
    }

    /// With the Servers that select the workload, and what annotations say of it.
    pub(crate) fn with(
        mut self,
        selected: Selected<'a>,
        settings: Settings<'a>,
        finding: &mut Finding,
    ) -> Self {
        if let Some((stance, source)) = &settings.stance {
            finding.diagnostics.extend(stance::fault(*stance, self.cidrs, source));
            self.posture = stance::posture(*stance);
            self.beside = stance::beside(*stance, self.cidrs, source);
            self.posture_source = Some(source.clone());
        }
        Self { selected, settings, ..self }
    }

    /// What a Server says that a port speaks, or an annotation.
    pub(crate) fn protocol(&self, number: u16) -> Option<Protocol> {
        let said = self.selected.ports.get(&number).and_then(|at| at.server.protocol);
        said.or_else(|| self.settings.is_opaque(number).then_some(Protocol::Opaque))
    }

    /// What a port speaks of which nobody says it.
    pub(crate) fn default_protocol(&self, number: u16) -> Protocol {
        if self.settings.is_opaque_by_default(number) { Protocol::Opaque } else { Protocol::Detect }
    }

    /// How many requests a port takes.
    pub(crate) fn rate_limit(&self, number: u16) -> Option<Arc<RateLimit>> {
        self.selected.ports.get(&number)?.resolved.rate_limit.clone()
    }

    /// The ports that policies, Servers and annotations name.
    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> {
        let said = self.selected.ports.keys().copied().chain(self.settings.declared());
        let covered = self.policies.iter().flat_map(|(_, _, covered)| match covered {
            Covered::Ports(ports) => ports.iter().copied().collect::<Vec<_>>(),
            Covered::Scopes(scopes) => scopes.keys().copied().collect(),
        });
        said.chain(covered)
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
    pub(crate) fn at(&self, port: PortRef) -> Access {
        let mut policies = Vec::new();
        for (source, resolved, covered) in &self.policies {
            match (covered, port) {
                (Covered::Ports(ports), port) if port.is_among(ports) => {
                    policies.push(policy(source, resolved, None));
                }
                (Covered::Scopes(scopes), PortRef::Number(number)) => {
                    if let Some(scope) = scopes.get(&number) {
                        policies.extend(scoped(source, resolved, scope));
                    }
                }
                (Covered::Ports(_) | Covered::Scopes(_), _) => {}
            }
        }
        policies.extend(self.selected.closing.iter().map(|source| stance::closed(source)));
        let mut access = Access {
            posture: self.posture,
            posture_source: self.posture_source.clone(),
            policies,
            routed: None,
        };
        match self.selected.at(port) {
            Some(at) => {
                access.posture = at.resolved.posture;
                access.posture_source = Some(at.source.clone());
                access.policies.extend(at.resolved.policies.iter().cloned());
                access.routed = at.resolved.routed.clone();
            }
            None => access.policies.extend(self.beside.clone()),
        }
        access.policies.sort_by(|a, b| a.source.cmp(&b.source));
        access
    }
}

impl Covered {
    /// Whether a port is named, not only covered with all others.
    pub(crate) fn names(&self, port: u16) -> bool {
        match self {
            Self::Ports(ports) => ports.contains(&port),
            Self::Scopes(scopes) => scopes.contains_key(&port),
        }
    }

    /// Whether a port is among them.
    pub(crate) fn covers(&self, port: PortRef) -> bool {
        match (self, port) {
            (Self::Ports(ports), port) => port.is_among(ports),
            (Self::Scopes(scopes), PortRef::Number(number)) => scopes.contains_key(&number),
            (Self::Scopes(_), PortRef::Undeclared) => false,
        }
    }
}

/// What a policy covers of a workload; `None` for nothing.
fn covered(
    policy: &AccessPolicy,
    resolved: &Resolved,
    workload: &Workload,
    edges: &[Edge],
) -> Option<Covered> {
    match &policy.covers {
        Covers::Namespace => Some(Covered::Ports(BTreeSet::new())),
        Covers::Workloads { selector, ports } => {
            selects(selector, &workload.labels).then(|| Covered::Ports(ports.clone()))
        }
        Covers::Targets(_) => {
            let mut scopes: BTreeMap<u16, Scope> = BTreeMap::new();
            for edge in edges {
                if let Some(scope) = resolved.scopes.get(&edge.port) {
                    scopes.entry(edge.target).or_default().extend(scope);
                }
            }
            (!scopes.is_empty()).then_some(Covered::Scopes(scopes))
        }
    }
}

/// What a policy with targets says at a port: what its rules decide, and, for an Allow, what it only closes.
fn scoped(source: &SourceRef, resolved: &Resolved, scope: &Scope) -> Vec<Policy> {
    let Scope { all, told, closed } = scope;
    if *all {
        return vec![policy(source, resolved, None)];
    }
    let mut policies = Vec::new();
    if !told.is_empty() {
        policies.push(policy(source, resolved, Some(told)));
    }
    if !closed.is_empty() && resolved.action == Action::Allow {
        policies.push(Policy { rules: Arc::new([]), ..policy(source, resolved, Some(closed)) });
    }
    policies
}

fn policy(source: &SourceRef, resolved: &Resolved, scope: Option<&BTreeSet<HttpMatch>>) -> Policy {
    Policy {
        source: source.clone(),
        action: resolved.action,
        mode: resolved.mode,
        scope: scope.map(|matches| matches.iter().cloned().collect()),
        rules: resolved.rules.clone(),
    }
}

/// What holds where no Allow covers, and who said so.
fn posture(tables: &Tables, namespace: &Name) -> (Posture, Option<SourceRef>) {
    if let Some((source, namespace)) = tables.namespace(namespace)
        && let Some(posture) = namespace.posture
    {
        return (posture, Some(source.clone()));
    }
    tables.mesh_posture()
}

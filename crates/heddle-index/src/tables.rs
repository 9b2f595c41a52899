//! The latest form of every object, and what finds objects by what they say.

use crate::address::Claim;
use crate::multimap::{Multimap, Side};
use crate::parent;
use heddle_model::access::{Action, Mode, Posture};
use heddle_model::fact::{
    AccessPolicy, Covers, Egress, InboundPolicy, Labels, Mesh, Mtls, Namespace, Node, Route, Service,
    ServiceForm, Slice, Target, Workload,
};
use heddle_model::http::HttpMatch;
use heddle_model::{
    Diagnostic, Fact, Kind, Lowered, Meta, Name, ServiceKey, SourceRef, WorkloadKey, WorkloadKind,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// One object.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) fact: Fact,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) meta: Meta,
}

impl Row {
    pub(crate) fn split(lowered: Lowered) -> (SourceRef, Self) {
        let Lowered { source, fact, diagnostics, meta } = lowered;
        (source, Self { fact, diagnostics, meta })
    }
}

/// All facts. The inverse indices are functions of the facts alone and always up to date.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    /// Boxed: a node of the tree holds room for eleven, and a Row is large.
    rows: BTreeMap<SourceRef, Box<Row>>,
    /// The EndpointSlices of a Service.
    pub(crate) slices: Multimap<ServiceKey, SourceRef>,
    /// The routes that name a Service as parent or backend.
    pub(crate) routes: Multimap<ServiceKey, SourceRef>,
    /// The AccessPolicies that name a Service or a route as target.
    pub(crate) policies: Multimap<SourceRef, SourceRef>,
    /// Who says that an address is theirs.
    pub(crate) claims: Multimap<IpAddr, Claim>,
    /// The ExternalWorkloads that list an address, whether or not they can own it.
    pub(crate) externals_at: Multimap<IpAddr, WorkloadKey>,
    /// The workloads on a Node.
    pub(crate) on_node: Multimap<Name, WorkloadKey>,
    /// Services by namespace and the first pair of their selector.
    selecting: Multimap<(Name, Name, Name), ServiceKey>,
    /// What an InboundPolicy means that cannot be read.
    unreadable_inbound: InboundPolicy,
    /// What an AccessPolicy means that cannot be read.
    unreadable_access: AccessPolicy,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            slices: Multimap::default(),
            routes: Multimap::default(),
            policies: Multimap::default(),
            claims: Multimap::default(),
            externals_at: Multimap::default(),
            on_node: Multimap::default(),
            selecting: Multimap::default(),
            unreadable_inbound: InboundPolicy {
                selector: Labels::new(),
                ports: BTreeSet::new(),
                protocol: None,
                mtls: Some(Mtls::Strict),
            },
            unreadable_access: AccessPolicy {
                covers: Covers::Namespace,
                action: Action::Allow,
                mode: Mode::Enforce,
                rules: Vec::new(),
            },
        }
    }
}

/// Whether every label that is asked for is there. Asking for nothing selects everything.
pub(crate) fn selects(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// The workload that a Pod or an ExternalWorkload is.
pub(crate) fn workload_key(source: &SourceRef) -> Option<WorkloadKey> {
    let kind = match source.kind {
        Kind::Pod => WorkloadKind::Pod,
        Kind::ExternalWorkload => WorkloadKind::External,
        Kind::Namespace
        | Kind::Node
        | Kind::Service
        | Kind::EndpointSlice
        | Kind::HttpRoute
        | Kind::Mesh
        | Kind::InboundPolicy
        | Kind::AccessPolicy => return None,
    };
    Some(WorkloadKey { namespace: source.namespace.clone(), kind, name: source.name.clone() })
}

/// The Service that a source is.
pub(crate) fn service_key(source: &SourceRef) -> ServiceKey {
    ServiceKey { namespace: source.namespace.clone(), name: source.name.clone() }
}

impl Tables {
    /// Sets (`Some`) or removes (`None`) one object and returns what was there.
    pub(crate) fn set(&mut self, source: &SourceRef, row: Option<Row>) -> Option<Row> {
        let old = self.rows.remove(source);
        if let Some(old) = &old {
            self.link(Side::Goes, source, &old.fact);
        }
        if let Some(row) = row {
            self.link(Side::Comes, source, &row.fact);
            self.rows.insert(source.clone(), Box::new(row));
        }
        old.map(|row| *row)
    }

    /// Replaces what decides nothing.
    pub(crate) fn set_meta(&mut self, source: &SourceRef, meta: Meta) {
        if let Some(row) = self.rows.get_mut(source) {
            row.meta = meta;
        }
    }

    pub(crate) fn row(&self, source: &SourceRef) -> Option<&Row> {
        self.rows.get(source).map(|row| &**row)
    }

    /// All objects of a kind.
    pub(crate) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&SourceRef, &Row)> {
        let first = SourceRef::new(kind, "", "");
        let all = self.rows.range(first..).map(|(source, row)| (source, &**row));
        all.take_while(move |(source, _)| source.kind == kind)
    }

    /// All objects of a kind in a namespace.
    pub(crate) fn of_namespace(
        &self,
        kind: Kind,
        namespace: &Name,
    ) -> impl Iterator<Item = (&SourceRef, &Row)> {
        let first = SourceRef { kind, namespace: namespace.clone(), name: "".into() };
        let all = self.rows.range(first..).map(|(source, row)| (source, &**row));
        all.take_while(move |(source, _)| source.kind == kind && source.namespace == *namespace)
    }

    /// All workloads of a namespace.
    pub(crate) fn workloads(&self, namespace: &Name) -> impl Iterator<Item = (WorkloadKey, &Workload)> {
        [Kind::Pod, Kind::ExternalWorkload].into_iter().flat_map(|kind| {
            self.of_namespace(kind, namespace).filter_map(|(source, row)| match &row.fact {
                Fact::Workload(workload) => Some((workload_key(source)?, workload)),
                _ => None,
            })
        })
    }

    pub(crate) fn workload(&self, key: &WorkloadKey) -> Option<&Workload> {
        match &self.rows.get(&key.source())?.fact {
            Fact::Workload(workload) => Some(workload),
            _ => None,
        }
    }

    pub(crate) fn service(&self, key: &ServiceKey) -> Option<&Service> {
        match &self.rows.get(&key.source())?.fact {
            Fact::Service(service) => Some(service),
            _ => None,
        }
    }

    pub(crate) fn slice(&self, source: &SourceRef) -> Option<&Slice> {
        match &self.rows.get(source)?.fact {
            Fact::Slice(slice) => Some(slice),
            _ => None,
        }
    }

    pub(crate) fn route(&self, source: &SourceRef) -> Option<&Route<HttpMatch>> {
        match &self.rows.get(source)?.fact {
            Fact::HttpRoute(route) => Some(route),
            _ => None,
        }
    }

    pub(crate) fn node(&self, name: &Name) -> Option<&Node> {
        match &self.rows.get(&SourceRef::new(Kind::Node, "", name.clone()))?.fact {
            Fact::Node(node) => Some(node),
            _ => None,
        }
    }

    pub(crate) fn namespace(&self, name: &Name) -> Option<(&SourceRef, &Namespace)> {
        let (source, row) = self.rows.get_key_value(&SourceRef::new(Kind::Namespace, "", name.clone()))?;
        match &row.fact {
            Fact::Namespace(namespace) => Some((source, namespace)),
            _ => None,
        }
    }

    /// The settings in force.
    ///
    /// Of an unreadable Mesh only the narrowest is known: its ports admit nobody, nothing leaves the mesh.
    pub(crate) fn mesh(&self) -> Mesh {
        match self.rows.get(&mesh_source()).map(|row| &row.fact) {
            Some(Fact::Mesh(mesh)) => mesh.clone(),
            Some(Fact::Invalid(_)) => {
                Mesh { posture: Posture::Deny, egress: Egress::Deny, ..Mesh::default() }
            }
            _ => Mesh::default(),
        }
    }

    /// What an InboundPolicy says; an unreadable one makes its whole namespace Strict.
    pub(crate) fn inbound_policy<'a>(&'a self, row: &'a Row) -> Option<&'a InboundPolicy> {
        match &row.fact {
            Fact::InboundPolicy(policy) => Some(policy),
            Fact::Invalid(_) => Some(&self.unreadable_inbound),
            _ => None,
        }
    }

    /// What an AccessPolicy says; an unreadable one is an Allow without rules over its whole namespace.
    pub(crate) fn access_policy<'a>(&'a self, row: &'a Row) -> Option<&'a AccessPolicy> {
        match &row.fact {
            Fact::AccessPolicy(policy) => Some(policy),
            Fact::Invalid(_) => Some(&self.unreadable_access),
            _ => None,
        }
    }

    /// The Services of the workload's namespace whose selector selects these labels.
    pub(crate) fn services_selecting(&self, namespace: &Name, labels: &Labels) -> Vec<ServiceKey> {
        let mut found = Vec::new();
        for (key, value) in labels {
            for service in self.selecting.of(&(namespace.clone(), key.clone(), value.clone())) {
                if self.service(service).is_some_and(|service| selects(&service.selector, labels)) {
                    found.push(service.clone());
                }
            }
        }
        found
    }

    /// Puts what one fact says into the inverse indices, or takes it out.
    fn link(&mut self, side: Side, source: &SourceRef, fact: &Fact) {
        match fact {
            Fact::Workload(workload) => self.link_workload(side, source, workload),
            Fact::Service(service) => self.link_service(side, source, service),
            Fact::Slice(slice) => {
                if let Some(service) = &slice.service {
                    self.slices.put(side, service.clone(), source.clone());
                }
            }
            Fact::HttpRoute(route) => {
                for service in parent::services(source, route) {
                    self.routes.put(side, service, source.clone());
                }
            }
            Fact::AccessPolicy(policy) => {
                for target in policy_targets(source, policy) {
                    self.policies.put(side, target, source.clone());
                }
            }
            Fact::Namespace(_)
            | Fact::Node(_)
            | Fact::Mesh(_)
            | Fact::InboundPolicy(_)
            | Fact::Invalid(_) => {}
        }
    }

    fn link_workload(&mut self, side: Side, source: &SourceRef, workload: &Workload) {
        let Some(key) = workload_key(source) else { return };
        if let Some(node) = &workload.node {
            self.on_node.put(side, node.clone(), key.clone());
        }
        if key.kind == WorkloadKind::External {
            for address in &workload.addresses {
                self.externals_at.put(side, *address, key.clone());
            }
        }
        for address in owned(workload) {
            self.claims.put(side, *address, Claim::workload(key.clone()));
        }
    }

    fn link_service(&mut self, side: Side, source: &SourceRef, service: &Service) {
        let key = service_key(source);
        for address in virtual_ips(service) {
            self.claims.put(side, *address, Claim::Service(key.clone()));
        }
        if let Some((label, value)) = service.selector.iter().next() {
            let pair = (source.namespace.clone(), label.clone(), value.clone());
            self.selecting.put(side, pair, key);
        }
    }
}

/// The one Mesh that counts.
pub(crate) fn mesh_source() -> SourceRef {
    SourceRef::new(Kind::Mesh, "", "default")
}

/// The addresses that are a workload's alone.
pub(crate) fn owned(workload: &Workload) -> &[IpAddr] {
    if workload.host_network || workload.ended { &[] } else { &workload.addresses }
}

/// The virtual IPs that a Service says it has.
pub(crate) fn virtual_ips(service: &Service) -> &[IpAddr] {
    match &service.form {
        ServiceForm::Virtual(addresses) => addresses,
        ServiceForm::Headless | ServiceForm::External(_) => &[],
    }
}

/// The objects that a policy names as its targets.
fn policy_targets(source: &SourceRef, policy: &AccessPolicy) -> Vec<SourceRef> {
    let Covers::Targets(targets) = &policy.covers else { return Vec::new() };
    let object =
        |kind, name: &Name| SourceRef { kind, namespace: source.namespace.clone(), name: name.clone() };
    let of = |target: &Target| match target {
        Target::Service { name, port: _ } => object(Kind::Service, name),
        Target::HttpRoute { name } => object(Kind::HttpRoute, name),
    };
    targets.iter().map(of).collect()
}

//! The members of a Service: where its endpoints are and whose they are, whether ready or not.
//!
//! Members that are not ready are kept here without health, because their proxies need their inbound ports
//! before the first request, and because a flip of readiness must touch nothing but one list of endpoints.

use crate::addresses::owners;
use crate::services::no_endpoint::{self, Reason};
use crate::tables::claim;
use crate::tables::{Tables, selects};
use heddle_model::fact::{Service, ServiceForm, ServicePort, Slice, SliceEndpoint, TargetPort, Workload};
use heddle_model::snapshot::Health;
use heddle_model::{
    AddressKey, Diagnostic, Fact, Family, Map, Name, Owner, Reach, ServiceKey, ServicePortKey, SourceRef,
    WorkloadKey, WorkloadKind,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The members of one Service, and what they were told from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members {
    /// By the Service's port. Every port has an entry.
    pub(crate) ports: BTreeMap<u16, Vec<ServiceEndpoint>>,
    /// Addresses that were looked at, refused ones too.
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// Nodes that members are on.
    pub(crate) nodes: BTreeSet<Name>,
    /// The reasons for which ports have no endpoint that gets requests.
    pub(crate) absent: BTreeMap<u16, Reason>,
    /// The faults of the slices.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// The most diagnostics of the endpoints of one Service.
const MOST_REFUSED: usize = 64;

/// One address and port behind a Service port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceEndpoint {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) workload: Option<WorkloadKey>,
    /// `None` gets no requests.
    pub(crate) health: Option<Health>,
    pub(crate) node: Option<Name>,
    pub(crate) zone: Option<Name>,
}

/// A Service port that leads to a workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServiceBackend {
    pub(crate) port: ServicePortKey,
    /// The port at which the workload is dialled.
    pub(crate) target: u16,
}

impl Members {
    /// Tells the Service why it has no endpoint, where that will not pass by itself.
    fn note_absent(&mut self, key: &ServiceKey) {
        let lasting = self.absent.iter().filter_map(|(port, reason)| match reason {
            Reason::Lasting(text) => Some((port, text)),
            Reason::Passing(_) => None,
        });
        self.diagnostics.extend(lasting.map(|(port, text)| Diagnostic {
            object: key.source(),
            field: "spec.ports".into(),
            reason: "NoEndpoint",
            message: format!("port {port} has no endpoint: {text}"),
        }));
    }

    /// Every workload behind the Service, by port and target.
    pub(crate) fn edges(&self, service: &ServiceKey) -> BTreeSet<(WorkloadKey, ServiceBackend)> {
        let mut edges = BTreeSet::new();
        for (port, members) in &self.ports {
            for member in members {
                let Some(workload) = &member.workload else { continue };
                let port = ServicePortKey { service: service.clone(), port: *port };
                edges.insert((workload.clone(), ServiceBackend { port, target: member.port }));
            }
        }
        edges
    }
}

/// The facts that members are told from.
struct Resolver<'a> {
    tables: &'a Tables,
    owners: &'a Map<AddressKey, Owner>,
    /// The clients of the Service's own namespace: what an address is to them, it is to the Service.
    reach: Reach,
    key: &'a ServiceKey,
    service: &'a Service,
    found: Members,
}

/// The members of a Service. `None` for one that is not there or has no endpoints by its form.
pub(crate) fn resolve(tables: &Tables, owners: &Map<AddressKey, Owner>, key: &ServiceKey) -> Option<Members> {
    let service = tables.service(key)?;
    match &service.form {
        ServiceForm::Virtual(_) | ServiceForm::Headless => {}
        ServiceForm::External(_) => return None,
    }
    let ports = service.ports.iter().map(|port| (port.number, Vec::new())).collect();
    let reach = Reach::Namespace(key.namespace.clone());
    let found = Members { ports, ..Members::default() };
    let mut resolver = Resolver { tables, owners, reach, key, service, found };
    for source in tables.slices.of(key) {
        if let Some(slice) = tables.slice(source) {
            resolver.add_slice(source, slice);
        }
    }
    resolver.add_externals(key);
    let mut found = resolver.found;
    found.ports.values_mut().for_each(once_each);
    for port in &service.ports {
        let members = found.ports.get(&port.number).map_or(&[][..], |members| members);
        let refused = !found.diagnostics.is_empty();
        let (endpoints, answers) = (members.len(), members.iter().any(|member| member.health.is_some()));
        let behind = no_endpoint::Found { key, service, port, endpoints, answers, refused };
        if let Some(reason) = no_endpoint::reason(tables, &behind) {
            found.absent.insert(port.number, reason);
        }
    }
    found.note_absent(key);
    Some(found)
}

impl<'a> Resolver<'a> {
    fn add_slice(&mut self, source: &SourceRef, slice: &Slice) {
        for (index, endpoint) in slice.endpoints.iter().enumerate() {
            self.found.addresses.insert(endpoint.address);
            self.found.nodes.extend(endpoint.node.clone());
            match self.behind(source, slice, endpoint) {
                Ok(workload) if self.service.families.include(Family::of(endpoint.address)) => {
                    self.add_endpoint(slice, endpoint, workload);
                }
                Ok(_) => {}
                Err(owner) => self.refuse(source, index, endpoint, owner),
            }
        }
    }

    /// Notes an endpoint that is none: of the slice, and of the Service, whose callers miss it.
    fn refuse(&mut self, slice: &SourceRef, index: usize, endpoint: &SliceEndpoint, owner: &Owner) {
        if self.found.diagnostics.len() >= MOST_REFUSED {
            return;
        }
        let found = foreign(slice, index, endpoint, owner);
        let message = format!("{slice} {}: {}", found.field, found.message);
        let (object, field) = (self.key.source(), String::new());
        let of_service = Diagnostic { object, field, message, reason: found.reason };
        self.found.diagnostics.extend([found, of_service]);
    }

    /// Returns the workload behind an endpoint, or the owner of its address because of whom it is none.
    fn behind(
        &self,
        source: &SourceRef,
        slice: &Slice,
        endpoint: &SliceEndpoint,
    ) -> Result<Option<WorkloadKey>, &'a Owner> {
        let named = self.named_pod(source, endpoint);
        if let Some((key, _)) = named.clone().filter(|(_, pod)| pod.host_network) {
            return Ok(Some(key));
        }
        let named = named.map(|(key, _)| key);
        let Some(owner) = self.owners.seen_from(&self.reach, endpoint.address) else { return Ok(named) };
        match owner {
            Owner::Workload(key) if named.is_none() && key.namespace == source.namespace => {
                Ok(Some(key.clone()))
            }
            Owner::Workload(key) if named.as_ref() == Some(key) => Ok(named),
            Owner::Service(_) | Owner::Endpoints(_) if owner.namespace() == Some(&source.namespace) => {
                Ok(named)
            }
            Owner::Node(_) | Owner::ApiServer if claim::is_of_api_server(source, slice) => Ok(None),
            Owner::Workload(_)
            | Owner::Service(_)
            | Owner::Endpoints(_)
            | Owner::Node(_)
            | Owner::ApiServer => Err(owner),
        }
    }

    /// The Pod that an endpoint names, if that Pod has the endpoint's address, and its namespace grants it.
    fn named_pod(&self, source: &SourceRef, endpoint: &SliceEndpoint) -> Option<(WorkloadKey, &Workload)> {
        let key = pod_of(source, endpoint)?;
        let pod = self.tables.workload(&key)?;
        let own = key.namespace == source.namespace;
        let granted = own || self.tables.is_granted(&key, &source.namespace);
        (granted && pod.addresses.contains(&endpoint.address)).then_some((key, pod))
    }

    fn add_endpoint(&mut self, slice: &Slice, endpoint: &SliceEndpoint, workload: Option<WorkloadKey>) {
        for port in &self.service.ports {
            let Some((_, target)) = slice.ports.iter().find(|(name, _)| *name == port.name) else { continue };
            let member = ServiceEndpoint {
                address: endpoint.address,
                port: *target,
                workload: workload.clone(),
                health: health(self.service, endpoint),
                node: endpoint.node.clone(),
                zone: endpoint.zone.clone(),
            };
            self.found.ports.entry(port.number).or_default().push(member);
        }
    }

    /// Adds the ExternalWorkloads that the Service selects, as it selects Pods.
    fn add_externals(&mut self, service: &ServiceKey) {
        if self.service.selector.is_empty() {
            return;
        }
        let tables = self.tables;
        for kind in [WorkloadKind::External, WorkloadKind::LinkerdExternal] {
            for (source, row) in tables.of_namespace(kind.object(), &service.namespace) {
                let Fact::Workload(workload) = &row.fact else { continue };
                if workload.ended || !selects(&self.service.selector, &workload.labels) {
                    continue;
                }
                let (namespace, name) = (source.namespace.clone(), source.name.clone());
                self.add_external(&WorkloadKey { namespace, kind, name }, workload);
            }
        }
    }

    fn add_external(&mut self, key: &WorkloadKey, workload: &Workload) {
        let families = self.service.families;
        for address in workload.addresses.iter().filter(|address| families.include(Family::of(**address))) {
            self.found.addresses.insert(*address);
            if owners::foreign(self.owners, &key.namespace, *address).is_some() {
                continue;
            }
            for port in &self.service.ports {
                let Some(target) = target(port, workload) else { continue };
                let member = ServiceEndpoint {
                    address: *address,
                    port: target,
                    workload: Some(key.clone()),
                    health: Some(Health::Ready),
                    node: None,
                    zone: None,
                };
                self.found.ports.entry(port.number).or_default().push(member);
            }
        }
    }
}

/// Returns where a workload listens for a Service port. `None` if it declares no port of the name asked for.
pub(crate) fn target(port: &ServicePort, workload: &Workload) -> Option<u16> {
    match &port.target {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => {
            workload.ports.iter().find(|port| port.name.as_ref() == Some(name)).map(|port| port.port)
        }
    }
}

/// Returns whether an endpoint gets requests, as kube-proxy does it.
fn health(service: &Service, endpoint: &SliceEndpoint) -> Option<Health> {
    if endpoint.ready || service.publish_not_ready {
        return Some(Health::Ready);
    }
    (endpoint.serving && endpoint.terminating).then_some(Health::Draining)
}

/// Keeps each address and port once: the readiest, then the one whose workload is known.
fn once_each(members: &mut Vec<ServiceEndpoint>) {
    let rank = |member: &ServiceEndpoint| (member.health.is_none(), member.health, member.workload.is_none());
    members.sort_by_key(|member| (member.address, member.port, rank(member)));
    members.dedup_by(|later, first| (later.address, later.port) == (first.address, first.port));
}

/// The Pod that an endpoint names.
fn pod_of(slice: &SourceRef, endpoint: &SliceEndpoint) -> Option<WorkloadKey> {
    let namespace = endpoint.pod_namespace.as_ref().unwrap_or(&slice.namespace).clone();
    Some(WorkloadKey { namespace, kind: WorkloadKind::Pod, name: endpoint.pod.clone()? })
}

/// Returns the diagnostic of an endpoint whose address is another's, with the grant that would make it one.
fn foreign(slice: &SourceRef, index: usize, endpoint: &SliceEndpoint, owner: &Owner) -> Diagnostic {
    let belongs = owners::belongs(endpoint.address, owner, &slice.namespace);
    let grant = match owner {
        Owner::Workload(key) if key.kind == WorkloadKind::Pod && key.namespace != slice.namespace => {
            let named = pod_of(slice, endpoint).as_ref() == Some(key);
            let how = if named { "" } else { ", and a targetRef that names the Pod" };
            format!(
                "; a ReferenceGrant in namespace {} from Services of namespace {} to the Pod{how} would make it one",
                key.namespace, slice.namespace
            )
        }
        Owner::Workload(_) | Owner::Service(_) | Owner::Endpoints(_) | Owner::Node(_) | Owner::ApiServer => {
            String::new()
        }
    };
    Diagnostic {
        object: slice.clone(),
        field: format!("endpoints[{index}].addresses[0]"),
        reason: "ForeignAddress",
        message: format!("{belongs}: it is no endpoint{grant}"),
    }
}

//! The latest form of every object, and what finds objects by what they say.

pub(crate) mod claim;
mod link;
mod lookup;

use crate::multimap::{Multimap, Side};
use claim::{Claim, is_of_api_server};
use heddle_model::access::{Action, Mode, Principal};
use heddle_model::fact::{
    AccessPolicy, Covers, InboundPolicy, Labels, Mtls, Service, ServiceForm, Slice, Workload,
};
use heddle_model::{
    Diagnostic, Fact, Identity, Kind, Lowered, Meta, Name, ServiceKey, SourceRef, WorkloadKey, WorkloadKind,
};
use ipnet::IpNet;
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

    pub(crate) fn is_invalid(&self) -> bool {
        matches!(self.fact, Fact::Invalid(_))
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
    /// The authorizations that open a Server by its name, or a route; by the Namespace those that open Servers by
    /// their labels.
    pub(crate) authorizations: Multimap<SourceRef, SourceRef>,
    /// The authorizations that require an authentication.
    pub(crate) requiring: Multimap<SourceRef, SourceRef>,
    /// The routes and rate limits that name a Server.
    pub(crate) at_server: Multimap<SourceRef, SourceRef>,
    /// The claims on an address.
    pub(crate) claims: Multimap<IpAddr, Claim>,
    /// The objects that state a network: ServiceCIDRs and Nodes.
    pub(crate) cidrs: Multimap<IpNet, SourceRef>,
    /// The Nodes that have an address, the Pods of the host's network there, and the slices of the API server.
    pub(crate) node_addresses: Multimap<IpAddr, SourceRef>,
    /// The workloads on a Node.
    pub(crate) on_node: Multimap<Name, WorkloadKey>,
    /// Services by namespace and the first pair of their selector.
    selecting: Multimap<(Name, Name, Name), ServiceKey>,
    /// The policies whose rules name a namespace or a ServiceAccount.
    pub(crate) callers: Multimap<Principal, SourceRef>,
    /// The EndpointSlices of other namespaces that name a Pod of a namespace.
    pub(crate) foreign_slices: Multimap<Name, SourceRef>,
    /// The number of workloads that run as a ServiceAccount.
    accounts: BTreeMap<Identity, usize>,
    /// The meaning of an InboundPolicy that cannot be read.
    unreadable_inbound: InboundPolicy,
    /// The meaning of an AccessPolicy that cannot be read.
    unreadable_access: AccessPolicy,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            slices: Multimap::default(),
            routes: Multimap::default(),
            policies: Multimap::default(),
            authorizations: Multimap::default(),
            requiring: Multimap::default(),
            at_server: Multimap::default(),
            claims: Multimap::default(),
            cidrs: Multimap::default(),
            node_addresses: Multimap::default(),
            on_node: Multimap::default(),
            selecting: Multimap::default(),
            callers: Multimap::default(),
            foreign_slices: Multimap::default(),
            accounts: BTreeMap::new(),
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

/// Returns whether every label that is asked for is there. Asking for nothing selects everything.
pub(crate) fn selects(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
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
        WorkloadKind::ALL.into_iter().flat_map(|kind| {
            self.of_namespace(kind.object(), namespace).filter_map(|(source, row)| {
                Some((WorkloadKey::from_source(source)?, row.fact.as_workload()?))
            })
        })
    }

    /// Every workload.
    pub(crate) fn all_workloads(&self) -> impl Iterator<Item = (WorkloadKey, &Workload)> {
        WorkloadKind::ALL.into_iter().flat_map(|kind| {
            self.of_kind(kind.object()).filter_map(|(source, row)| {
                Some((WorkloadKey::from_source(source)?, row.fact.as_workload()?))
            })
        })
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

/// The addresses of its Node that a workload of the host's network has.
pub(crate) fn host_addresses(workload: &Workload) -> &[IpAddr] {
    if workload.host_network && !workload.ended { &workload.addresses } else { &[] }
}

/// The addresses of the API server, if a slice is its own.
pub(crate) fn api_server_addresses<'a>(
    source: &SourceRef,
    slice: &'a Slice,
) -> impl Iterator<Item = IpAddr> + use<'a> {
    let endpoints = if is_of_api_server(source, slice) { slice.endpoints.as_slice() } else { &[] };
    endpoints.iter().map(|endpoint| endpoint.address)
}

/// The virtual IPs that a Service says it has.
pub(crate) fn virtual_ips(service: &Service) -> &[IpAddr] {
    match &service.form {
        ServiceForm::Virtual(addresses) => addresses,
        ServiceForm::Headless | ServiceForm::External(_) => &[],
    }
}

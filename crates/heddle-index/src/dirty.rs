//! The outputs that a change of one fact touches at first. Each stage touches further ones in turn.

use crate::access::selected;
use crate::routes::parent;
use crate::services::selection::{Selectors, leads_alike};
use crate::tables::claim;
use crate::tables::{Tables, api_server_addresses, host_addresses, owned, selects, service_key, virtual_ips};
use heddle_model::access::Principal;
use heddle_model::fact::{Covers, Service, ServiceForm, ServicePort, Slice, Workload};
use heddle_model::snapshot::RouteKey;
use heddle_model::{
    Fact, Families, Kind, Name, ServiceKey, ServicePortKey, SourceRef, WorkloadKey, WorkloadKind,
};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The keys to be recomputed, per stage.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dirty {
    pub(crate) mesh: bool,
    /// Addresses whose claims changed.
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// Addresses of workloads that changed: who is behind an endpoint there may have changed.
    pub(crate) workload_ips: BTreeSet<IpAddr>,
    /// Networks that an object states, or ceases to.
    pub(crate) networks: BTreeSet<IpNet>,
    /// Addresses of Nodes that came or went.
    pub(crate) node_addresses: BTreeSet<IpAddr>,
    /// Addresses whose owner changed: a Pod there may be in no network.
    pub(crate) owned: BTreeSet<IpAddr>,
    /// Nodes whose place changed.
    pub(crate) nodes: BTreeSet<Name>,
    pub(crate) members: BTreeSet<ServiceKey>,
    pub(crate) attachments: BTreeSet<SourceRef>,
    pub(crate) services: BTreeSet<ServiceKey>,
    pub(crate) policies: BTreeSet<SourceRef>,
    pub(crate) authentications: BTreeSet<SourceRef>,
    pub(crate) authorizations: BTreeSet<SourceRef>,
    pub(crate) servers: BTreeSet<SourceRef>,
    pub(crate) egress: BTreeSet<SourceRef>,
    pub(crate) workloads: BTreeSet<WorkloadKey>,
    /// Selectors of Services that lead elsewhere now, or whose ports mean something else.
    pub(crate) selectors: Selectors,
    pub(crate) endpoints: BTreeSet<ServicePortKey>,
    pub(crate) routes: BTreeSet<RouteKey>,
    pub(crate) reports: BTreeSet<SourceRef>,
    pub(crate) diagnostics: BTreeSet<SourceRef>,
}

impl Dirty {
    /// Notes what an object touches, in the form it had and in the form it has.
    pub(crate) fn mark(&mut self, tables: &Tables, source: &SourceRef, forms: [Option<&Fact>; 2]) {
        match source.kind {
            Kind::Namespace => {
                self.workloads.extend(tables.workloads(&source.name).map(|(key, _)| key));
                self.mark_naming(tables, &Principal::Namespace(source.name.clone()));
                self.mark_opaque_ports(tables, &source.name, forms);
            }
            Kind::Node => self.mark_node(source, forms),
            Kind::ServiceCidr => forms.into_iter().flatten().for_each(|fact| self.mark_cidrs(fact)),
            Kind::Pod | Kind::ExternalWorkload | Kind::LinkerdExternalWorkload => {
                self.mark_workload(tables, source, forms)
            }
            Kind::Service => self.mark_service(tables, source, forms),
            Kind::EndpointSlice => self.mark_slice(source, forms),
            Kind::HttpRoute | Kind::GrpcRoute | Kind::LinkerdHttpRoute | Kind::ServiceProfile => {
                self.attachments.insert(source.clone());
                self.policies.extend(tables.policies.of(source).iter().cloned());
                self.authorizations.extend(tables.authorizations.of(source).iter().cloned());
            }
            Kind::Server => self.mark_server(tables, source, forms),
            Kind::ServerAuthorization | Kind::AuthorizationPolicy => {
                self.authorizations.insert(source.clone());
            }
            Kind::MeshTlsAuthentication | Kind::NetworkAuthentication => {
                self.authentications.insert(source.clone());
                self.authorizations.extend(tables.requiring.of(source).iter().cloned());
            }
            Kind::RateLimitPolicy => self.mark_rate_limit(tables, source, forms),
            Kind::EgressNetwork => {
                self.egress.insert(source.clone());
            }
            Kind::ReferenceGrant => self.mark_grant(tables, source, forms),
            Kind::Mesh => self.mesh = true,
            Kind::InboundPolicy => {
                self.diagnostics.insert(source.clone());
                forms.into_iter().flatten().for_each(|fact| self.mark_inbound(tables, source, fact))
            }
            Kind::AccessPolicy => {
                self.policies.insert(source.clone());
                self.diagnostics.insert(source.clone());
                forms.into_iter().flatten().for_each(|fact| self.mark_access(tables, source, fact));
            }
        }
    }

    fn mark_node(&mut self, source: &SourceRef, forms: [Option<&Fact>; 2]) {
        let addresses = forms.map(|fact| fact.map(node_addresses).unwrap_or_default());
        if addresses[0] != addresses[1] {
            self.node_addresses.extend(addresses.concat());
            self.addresses.extend(addresses.concat());
        }
        forms.into_iter().flatten().for_each(|fact| self.mark_cidrs(fact));
        self.nodes.insert(source.name.clone());
    }

    fn mark_cidrs(&mut self, fact: &Fact) {
        self.networks.extend(fact.as_node().into_iter().flat_map(|node| &node.pod_cidrs));
        self.networks.extend(fact.as_service_cidr().into_iter().flat_map(|service| &service.cidrs));
    }

    fn mark_workload(&mut self, tables: &Tables, source: &SourceRef, forms: [Option<&Fact>; 2]) {
        let Some(key) = WorkloadKey::from_source(source) else { return };
        let [old, new] = forms.map(|fact| fact.and_then(Fact::as_workload));
        if old.map(claims_before) != new.map(claims_before) {
            self.addresses.extend([old, new].into_iter().flatten().flat_map(owned));
        }
        if old.map(holding) != new.map(holding) {
            self.workload_ips.extend([old, new].into_iter().flatten().flat_map(|form| &form.addresses));
            self.node_addresses.extend([old, new].into_iter().flatten().flat_map(host_addresses));
        }
        let [before, now] = [old, new].map(|form| form.and_then(|form| form.identity.as_ref()));
        if before != now {
            for identity in [before, now].into_iter().flatten() {
                self.mark_naming(tables, &Principal::Account(identity.clone()));
                self.mark_naming(tables, &Principal::Namespace(identity.namespace.clone()));
            }
        }
        if key.kind != WorkloadKind::Pod {
            self.diagnostics.insert(source.clone());
            for form in [old, new].into_iter().flatten() {
                self.members.extend(tables.services_selecting(&key.namespace, &form.labels));
            }
        }
        self.workloads.insert(key);
    }

    /// The Services of the namespaces to which Pods are granted, or were, where their slices name any.
    fn mark_grant(&mut self, tables: &Tables, source: &SourceRef, forms: [Option<&Fact>; 2]) {
        let grants = forms.into_iter().flatten().filter_map(|fact| fact.as_grant());
        let from: BTreeSet<&Name> = grants.flat_map(|grant| &grant.from).collect();
        let slices = tables.foreign_slices.of(&source.namespace).iter();
        for slice in slices.filter(|slice| from.contains(&slice.namespace)) {
            self.members.extend(tables.slice(slice).and_then(|slice| slice.service.clone()));
        }
    }

    /// The policies whose rules name callers who may have come or gone.
    fn mark_naming(&mut self, tables: &Tables, callers: &Principal) {
        self.diagnostics.extend(tables.callers.of(callers).iter().cloned());
    }

    /// The Services of a namespace, and the routes that name them, if it makes other ports of theirs opaque.
    fn mark_opaque_ports(&mut self, tables: &Tables, namespace: &Name, forms: [Option<&Fact>; 2]) {
        let [old, new] = forms.map(opaque_ports);
        if old == new {
            return;
        }
        for (source, _) in tables.of_namespace(Kind::Service, namespace) {
            let key = service_key(source);
            self.attachments.extend(tables.routes.of(&key).iter().cloned());
            self.services.insert(key);
        }
    }

    /// The members of its Service, and the addresses that it claims: those of which it says something else now.
    fn mark_slice(&mut self, source: &SourceRef, forms: [Option<&Fact>; 2]) {
        let slices = forms.map(|fact| fact.and_then(Fact::as_slice));
        self.members.extend(slices.into_iter().flatten().filter_map(|slice| slice.service.clone()));
        let [old, new] = slices.map(|slice| slice.map(|slice| (claiming(slice), slice)));
        if old.as_ref().map(|(claiming, _)| claiming) != new.as_ref().map(|(claiming, _)| claiming) {
            for (_, slice) in [old, new].into_iter().flatten() {
                let claims = claim::of_slice(source, slice);
                self.node_addresses.extend(api_server_addresses(source, slice));
                self.addresses.extend(claims.into_iter().map(|(address, _)| address));
                self.diagnostics.extend(slice.service.as_ref().map(ServiceKey::source));
            }
        }
    }

    fn mark_service(&mut self, tables: &Tables, source: &SourceRef, forms: [Option<&Fact>; 2]) {
        let key = service_key(source);
        let [old, new] = forms.map(|fact| fact.and_then(Fact::as_service));
        let alike = old.zip(new).is_some_and(|(old, new)| leads_alike(old, new));
        for form in [old, new].into_iter().flatten() {
            self.addresses.extend(virtual_ips(form));
            if !alike {
                self.selectors.insert(&key.namespace, &form.selector);
            }
        }
        if old.map(listing) != new.map(listing) {
            self.mark_claims_of_slices(tables, &key);
        }
        self.attachments.extend(tables.routes.of(&key).iter().cloned());
        self.policies.extend(tables.policies.of(source).iter().cloned());
        self.members.insert(key.clone());
        self.services.insert(key);
    }

    /// The addresses that the slices of a Service claim: whether they may follows its form and its ports.
    fn mark_claims_of_slices(&mut self, tables: &Tables, key: &ServiceKey) {
        for source in tables.slices.of(key) {
            let claims = tables.slice(source).map(|slice| claim::of_slice(source, slice));
            self.addresses.extend(claims.into_iter().flatten().map(|(address, _)| address));
        }
    }

    fn mark_inbound(&mut self, tables: &Tables, source: &SourceRef, fact: &Fact) {
        let everyone = Default::default();
        let selector = fact.as_inbound_policy().map_or(&everyone, |policy| &policy.selector);
        let touched =
            tables.workloads(&source.namespace).filter(|(_, workload)| selects(selector, &workload.labels));
        self.workloads.extend(touched.map(|(key, _)| key));
    }

    /// The workloads that it selects, and what names it: whether it is there decides what becomes of those.
    fn mark_server(&mut self, tables: &Tables, source: &SourceRef, forms: [Option<&Fact>; 2]) {
        self.servers.insert(source.clone());
        self.authorizations.extend(tables.authorizations.of(source).iter().cloned());
        for named in tables.at_server.of(source) {
            let dirty = if parent::is_route(named.kind) { &mut self.attachments } else { &mut self.reports };
            dirty.insert(named.clone());
        }
        for fact in forms.into_iter().flatten() {
            let server = fact.as_server();
            let touched = tables
                .workloads(&source.namespace)
                .filter(|(key, workload)| server.is_none_or(|server| selected::by(server, key, workload)));
            self.workloads.extend(touched.map(|(key, _)| key));
        }
    }

    /// Its Server, and the rate limits beside it: which of them is the oldest may have changed.
    fn mark_rate_limit(&mut self, tables: &Tables, source: &SourceRef, forms: [Option<&Fact>; 2]) {
        for fact in forms.into_iter().flatten() {
            let Fact::RateLimit(limit) = fact else { continue };
            let server = SourceRef::new(Kind::Server, source.namespace.clone(), limit.server.clone());
            let limits = tables.rate_limits(&server);
            self.reports.extend(limits.into_iter().map(|(source, _)| source.clone()));
            self.servers.insert(server);
        }
    }

    /// Marks the workloads that a policy covers by labels; those behind targets are found when these are looked up.
    fn mark_access(&mut self, tables: &Tables, source: &SourceRef, fact: &Fact) {
        let everyone = Default::default();
        let selector = match fact.as_access_policy().map(|policy| &policy.covers) {
            Some(Covers::Workloads { selector, ports: _ }) => selector,
            Some(Covers::Targets(_)) => return,
            Some(Covers::Namespace) | None => &everyone,
        };
        let touched =
            tables.workloads(&source.namespace).filter(|(_, workload)| selects(selector, &workload.labels));
        self.workloads.extend(touched.map(|(key, _)| key));
    }
}

fn node_addresses(fact: &Fact) -> &[IpAddr] {
    fact.as_node().map_or(&[], |node| &node.addresses)
}

fn opaque_ports(fact: Option<&Fact>) -> Option<&BTreeSet<u16>> {
    fact?.as_namespace()?.config.as_ref()?.opaque_ports.as_ref()
}

/// Returns what decides which addresses a workload holds.
fn holding(workload: &Workload) -> (&[IpAddr], bool, bool) {
    (&workload.addresses, workload.host_network, workload.ended)
}

/// Returns what decides which addresses a workload claims, and before which others.
fn claims_before(workload: &Workload) -> impl PartialEq + '_ {
    (holding(workload), workload.deleting, workload.created)
}

/// Returns what decides whether the slices of a Service claim addresses, and for which of its ports.
fn listing(service: &Service) -> Option<(Families, &[ServicePort])> {
    (service.form == ServiceForm::Headless).then_some((service.families, &service.ports))
}

/// Returns what decides which addresses a slice claims: not the readiness of its endpoints.
fn claiming(slice: &Slice) -> impl PartialEq + '_ {
    let Slice { service, ports, endpoints, created } = slice;
    let hand_made = endpoints.iter().filter(|item| item.pod.is_none());
    (service, ports, created, hand_made.map(|item| item.address).collect::<Vec<_>>())
}

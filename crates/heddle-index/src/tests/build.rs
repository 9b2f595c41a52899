//! Facts in few words.

use crate::Index;
use heddle_model::access::{Action, Mode, Peer, Principal, Rule};
use heddle_model::fact::{
    AccessPolicy, BackendRef, Covers, DataPlane, InboundPolicy, Labels, Locality, PortProtocol, Protocol,
    Route, RouteRule, Service, ServiceForm, ServicePort, Slice, SliceEndpoint, TargetPort, Workload,
    WorkloadPort,
};
use heddle_model::http::{HttpMatch, PathMatch};
use heddle_model::report::ParentRef;
use heddle_model::snapshot::Key;
use heddle_model::{
    Event, Fact, Families, Family, Identity, Kind, Lowered, Meta, ServiceKey, ServicePortKey, Snapshot,
    SourceRef, WorkloadKey, WorkloadKind,
};
use std::collections::{BTreeMap, BTreeSet};

/// `Kind namespace/name`, or `Kind name` for kinds without a namespace.
pub(crate) fn source(text: &str) -> SourceRef {
    let (kind, name) = text.split_once(' ').unwrap();
    let kind = Kind::ALL.into_iter().find(|known| known.to_string() == kind).unwrap();
    let (namespace, name) = name.split_once('/').unwrap_or(("", name));
    SourceRef::new(kind, namespace, name)
}

pub(crate) fn lowered(object: &str, fact: Fact) -> Lowered {
    Lowered { source: source(object), fact, diagnostics: Vec::new(), meta: Meta::default() }
}

pub(crate) fn set(object: &str, fact: Fact) -> Event {
    Event::Set(Box::new(lowered(object, fact)))
}

/// `key=value,…`
pub(crate) fn labels(text: &str) -> Labels {
    let pairs = text.split(',').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(key, value)| (key.into(), value.into())).collect()
}

/// A Pod with a proxy, labelled and identified as `app`.
pub(crate) fn workload(app: &str, ip: &str) -> Workload {
    Workload {
        labels: labels(&format!("app={app}")),
        addresses: vec![ip.parse().unwrap()],
        identity: Some(Identity::new("shop", app).unwrap()),
        plane: Some(DataPlane::Envoy),
        node: None,
        zone: None,
        host_network: false,
        ended: false,
        deleting: false,
        created: None,
        ports: Vec::new(),
        skip_inbound_ports: BTreeSet::new(),
        uses: None,
        config: None,
    }
}

pub(crate) fn pod(app: &str, ip: &str) -> Fact {
    Fact::Workload(workload(app, ip))
}

pub(crate) fn declared(name: &str, port: u16, protocol: Option<Protocol>) -> WorkloadPort {
    WorkloadPort { name: Some(name.into()), port, app_port: port, protocol, named: None }
}

/// A Service with one port `http` 80 to 8080, selecting `app`.
pub(crate) fn virtual_service(app: &str, ip: &str) -> Service {
    Service {
        form: ServiceForm::Virtual(vec![ip.parse().unwrap()]),
        families: Families::Single(Family::of(ip.parse().unwrap())),
        ports: vec![service_port("http", 80, 8080)],
        opaque_ports: None,
        selector: labels(&format!("app={app}")),
        publish_not_ready: false,
        locality: Locality::Any,
        accrual: None,
        defaults: Default::default(),
        created: None,
    }
}

pub(crate) fn service_port(name: &str, number: u16, target: u16) -> ServicePort {
    ServicePort {
        name: name.into(),
        number,
        target: TargetPort::Number(target),
        protocol: PortProtocol::Unset,
    }
}

pub(crate) fn service(app: &str, ip: &str) -> Fact {
    Fact::Service(virtual_service(app, ip))
}

pub(crate) fn endpoint(ip: &str, pod: Option<&str>) -> SliceEndpoint {
    SliceEndpoint {
        address: ip.parse().unwrap(),
        pod: pod.map(Into::into),
        pod_namespace: None,
        node: None,
        zone: None,
        ready: true,
        serving: true,
        terminating: false,
    }
}

/// A slice of `shop/SERVICE` with port `http` at 8080.
pub(crate) fn slice(service: &str, endpoints: Vec<SliceEndpoint>) -> Fact {
    let service = Some(ServiceKey::new("shop", service));
    Fact::Slice(Slice { service, ports: vec![("http".into(), 8080)], endpoints, created: None })
}

pub(crate) fn parent(name: &str) -> ParentRef {
    ParentRef {
        group: Some(String::new()),
        kind: Some("Service".into()),
        namespace: Some("shop".into()),
        name: name.into(),
        section_name: None,
        port: None,
    }
}

pub(crate) fn prefix(path: &str) -> HttpMatch {
    HttpMatch { path: Some(PathMatch::Prefix(path.trim_end_matches('/').into())), ..HttpMatch::default() }
}

pub(crate) fn backend(service: &str, port: u16, weight: u32) -> BackendRef {
    BackendRef {
        target: Ok((ServiceKey::new("shop", service), port)),
        weight,
        filters: Default::default(),
        broken: false,
    }
}

pub(crate) fn rule(matches: Vec<HttpMatch>, backends: Vec<BackendRef>) -> RouteRule<HttpMatch> {
    RouteRule {
        matches,
        filters: Default::default(),
        redirect: None,
        mirrors: Vec::new(),
        backends,
        own_endpoints: false,
        request_timeout: None,
        backend_timeout: None,
        retry: None,
        broken: false,
    }
}

pub(crate) fn route(parents: Vec<ParentRef>, rules: Vec<RouteRule<HttpMatch>>) -> Fact {
    Fact::HttpRoute(Route { parents, rules, unservable: None, created: None })
}

/// An enforced policy whose one rule names one ServiceAccount of `shop`.
pub(crate) fn access(action: Action, covers: Covers, from: &str) -> Fact {
    let principal = Principal::Account(Identity::new("shop", from).unwrap());
    let peer = Peer::new([principal], []);
    let rules = vec![Rule { from: vec![peer], ..Rule::default() }];
    Fact::AccessPolicy(AccessPolicy { covers, action, mode: Mode::Enforce, rules })
}

pub(crate) fn inbound(app: &str, change: impl FnOnce(&mut InboundPolicy)) -> Fact {
    let selector = if app.is_empty() { Labels::new() } else { labels(&format!("app={app}")) };
    let mut policy = InboundPolicy { selector, ports: BTreeSet::new(), protocol: None, mtls: None };
    change(&mut policy);
    Fact::InboundPolicy(policy)
}

pub(crate) fn pod_key(name: &str) -> WorkloadKey {
    WorkloadKey::new(WorkloadKind::Pod, "shop", name)
}

pub(crate) fn port_key(service: &str, port: u16) -> ServicePortKey {
    ServicePortKey { service: ServiceKey::new("shop", service), port }
}

/// An index that has resolved these objects.
pub(crate) fn index(objects: impl IntoIterator<Item = (&'static str, Fact)>) -> Index {
    let mut index = Index::new();
    for (object, fact) in objects {
        index.apply(set(object, fact));
    }
    index.resolve();
    index
}

/// The Snapshot of these objects.
pub(crate) fn snapshot(objects: impl IntoIterator<Item = (&'static str, Fact)>) -> Snapshot {
    index(objects).snapshot()
}

/// The keys at which two Snapshots differ.
pub(crate) fn difference(a: &Snapshot, b: &Snapshot) -> BTreeSet<Key> {
    fn differ<K: Ord + Clone, V: Clone + PartialEq>(
        a: &heddle_model::Map<K, V>,
        b: &heddle_model::Map<K, V>,
        key: impl Fn(K) -> Key,
    ) -> BTreeSet<Key> {
        let all: BTreeMap<&K, ()> = a.keys().chain(b.keys()).map(|key| (key, ())).collect();
        all.into_keys().filter(|k| a.get(*k) != b.get(*k)).cloned().map(key).collect()
    }
    let Snapshot {
        mesh,
        workloads,
        services,
        endpoints,
        routes,
        addresses,
        networks,
        egress,
        reports,
        diagnostics,
    } = a;
    let mut keys = BTreeSet::new();
    if *mesh != b.mesh {
        keys.insert(Key::Mesh);
    }
    keys.extend(differ(workloads, &b.workloads, Key::Workload));
    keys.extend(differ(services, &b.services, Key::Service));
    keys.extend(differ(endpoints, &b.endpoints, Key::Endpoints));
    keys.extend(differ(routes, &b.routes, Key::Routes));
    keys.extend(differ(addresses, &b.addresses, Key::Address));
    keys.extend(differ(networks, &b.networks, Key::Network));
    keys.extend(differ(egress, &b.egress, Key::Egress));
    keys.extend(differ(reports, &b.reports, Key::Report));
    keys.extend(differ(diagnostics, &b.diagnostics, Key::Diagnostics));
    keys
}

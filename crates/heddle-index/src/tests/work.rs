//! Work follows the change: the same change costs the same in a mesh of 300 Services and of 3,000.

use super::build::*;
use crate::{Index, Work};
use heddle_model::access::{Action, Posture};
use heddle_model::fact::{Covers, Mesh, Mtls, Namespace, Node, Slice, Target};
use heddle_model::snapshot::Key;
use heddle_model::{Event, Fact, Lowered, ServiceKey};
use std::sync::LazyLock;

static SMALL: LazyLock<Index> = LazyLock::new(|| mesh(300));
static LARGE: LazyLock<Index> = LazyLock::new(|| mesh(3_000));

/// Namespaces of ten Services of three Pods each, a route per Service, a policy of each kind per namespace.
fn mesh(services: usize) -> Index {
    let mut index = Index::new();
    index.apply(set("Mesh default", Fact::Mesh(settings())));
    for number in 0..services {
        let (namespace, app) = (format!("ns{}", number / 10), format!("s{number}"));
        if number % 10 == 0 {
            index.apply(set(&format!("Namespace {namespace}"), Fact::Namespace(Namespace::default())));
            let deny = access(Action::Deny, Covers::Namespace, "intruder");
            index.apply(set(&format!("AccessPolicy {namespace}/deny"), deny));
            let strict = inbound(&app, |policy| policy.mtls = Some(Mtls::Strict));
            index.apply(set(&format!("InboundPolicy {namespace}/strict"), strict));
        }
        for event in one_service(&namespace, &app, number) {
            index.apply(event);
        }
    }
    index.resolve();
    index
}

fn settings() -> Mesh {
    Mesh {
        networks: ["10.0.0.0/8", "172.16.0.0/12"].map(|net| net.parse().unwrap()).into(),
        ..Mesh::default()
    }
}

fn one_service(namespace: &str, app: &str, number: usize) -> Vec<Event> {
    let ip = |host: usize| format!("10.{}.{}.{host}", number / 200, number % 200);
    let virtual_ip = format!("172.16.{}.{}", number / 250, number % 250);
    let mut events = vec![set(&format!("Service {namespace}/{app}"), service(app, &virtual_ip))];
    for host in 1..=3 {
        events.push(set(&format!("Pod {namespace}/{app}-{host}"), pod(app, &ip(host))));
    }
    events.push(set(
        &format!("EndpointSlice {namespace}/{app}"),
        three_endpoints(namespace, app, number, true),
    ));
    let mut parent = parent(app);
    parent.namespace = None;
    let rule = rule(vec![prefix("/")], vec![]);
    events.push(set(&format!("HTTPRoute {namespace}/{app}"), route(vec![parent], vec![rule])));
    events
}

fn three_endpoints(namespace: &str, app: &str, number: usize, ready: bool) -> Fact {
    let endpoints = (1..=3).map(|host| {
        let ip = format!("10.{}.{}.{host}", number / 200, number % 200);
        let mut endpoint = endpoint(&ip, Some(&format!("{app}-{host}")));
        endpoint.ready = ready || host != 1;
        endpoint
    });
    let service = Some(ServiceKey::new(namespace, app));
    Fact::Slice(Slice {
        service,
        ports: vec![("http".into(), 8080)],
        endpoints: endpoints.collect(),
        created: None,
    })
}

/// Asserts what a change recomputes and how many keys become different, in a small mesh and in a large one.
#[track_caller]
fn check(change: impl Fn() -> Event, want: Work, keys: usize) {
    for (services, index) in [(300, &*SMALL), (3_000, &*LARGE)] {
        let mut index = index.clone();
        let before = index.work();
        index.apply(change());
        let changed = index.resolve();
        let after = index.work();
        let done = Work {
            members: after.members - before.members,
            attachments: after.attachments - before.attachments,
            policies: after.policies - before.policies,
            authorizations: after.authorizations - before.authorizations,
            servers: after.servers - before.servers,
            networks: after.networks - before.networks,
            workloads: after.workloads - before.workloads,
            services: after.services - before.services,
            endpoints: after.endpoints - before.endpoints,
            routes: after.routes - before.routes,
            access: after.access - before.access,
            reports: after.reports - before.reports,
        };
        assert_eq!(done, want, "in a mesh of {services} services");
        assert_eq!(changed.len(), keys, "in a mesh of {services} services: {changed:?}");
    }
}

const NONE: Work = Work {
    members: 0,
    attachments: 0,
    policies: 0,
    authorizations: 0,
    servers: 0,
    networks: 0,
    workloads: 0,
    services: 0,
    endpoints: 0,
    routes: 0,
    access: 0,
    reports: 0,
};

#[test]
fn a_flip_of_readiness_costs_one_list_of_endpoints() {
    let flip = || set("EndpointSlice ns1/s12", three_endpoints("ns1", "s12", 12, false));
    check(flip, Work { members: 1, endpoints: 1, ..NONE }, 1);
}

#[test]
fn an_equal_write_costs_nothing() {
    check(|| set("EndpointSlice ns1/s12", three_endpoints("ns1", "s12", 12, true)), NONE, 0);
    let edited = || {
        let mut lowered: Lowered = lowered("Service ns1/s12", service("s12", "172.16.0.12"));
        lowered.meta.generation = 7;
        Event::Set(Box::new(lowered))
    };
    check(edited, NONE, 0);
}

#[test]
fn a_label_of_a_pod_that_nothing_selects_costs_that_pod() {
    let labelled = || {
        let mut workload = workload("s12", "10.0.12.1");
        workload.labels = labels("app=s12,build=7");
        set("Pod ns1/s12-1", Fact::Workload(workload))
    };
    check(labelled, Work { workloads: 1, access: 2, ..NONE }, 0);
}

#[test]
fn a_pod_that_goes_costs_itself_its_service_and_the_counts_of_its_policies() {
    let gone = || Event::Delete(source("Pod ns1/s12-1"));
    // The Pod, its address, its Service's endpoints, and the report of the policy that selected it.
    check(gone, Work { members: 1, networks: 1, workloads: 1, endpoints: 1, reports: 1, ..NONE }, 4);
}

#[test]
fn a_route_costs_its_table() {
    let split = || {
        let mut parent = parent("s12");
        parent.namespace = None;
        set("HTTPRoute ns1/s12", route(vec![parent], vec![rule(vec![prefix("/new")], vec![])]))
    };
    check(split, Work { attachments: 1, services: 1, routes: 1, reports: 1, ..NONE }, 1);
}

#[test]
fn a_service_that_is_created_costs_itself() {
    let created = || set("Service ns1/new", service("new", "172.31.0.1"));
    // The Service, its address and its empty list of endpoints.
    check(created, Work { members: 1, networks: 1, services: 1, endpoints: 1, ..NONE }, 3);
}

#[test]
fn a_policy_of_a_service_costs_the_workloads_behind_it() {
    let target = || Covers::Targets(vec![Target::Service { name: "s12".into(), port: None }]);
    let created = move || set("AccessPolicy ns1/only", access(Action::Allow, target(), "web"));
    // The workloads, the policy's report, and that nobody runs as `web`.
    check(created, Work { policies: 1, workloads: 3, access: 6, reports: 1, ..NONE }, 5);
}

#[test]
fn a_strict_policy_costs_its_workloads_and_where_they_are_dialled() {
    let relaxed =
        || set("InboundPolicy ns1/strict", inbound("s10", |policy| policy.mtls = Some(Mtls::Disabled)));
    check(relaxed, Work { workloads: 3, endpoints: 1, access: 6, reports: 1, ..NONE }, 4);
}

#[test]
fn a_posture_costs_the_workloads_of_its_namespace() {
    let deny = || {
        set(
            "Namespace ns1",
            Fact::Namespace(Namespace { posture: Some(Posture::Deny), uses: None, config: None }),
        )
    };
    check(deny, Work { workloads: 30, access: 60, ..NONE }, 30);
}

#[test]
fn a_node_without_workloads_costs_nothing() {
    check(|| set("Node n1", Fact::Node(Node::default())), NONE, 0);
}

#[test]
fn a_setting_of_the_mesh_that_is_no_posture_costs_no_workload() {
    let mut index = SMALL.clone();
    let before = index.work();
    index.apply(set("Mesh default", Fact::Mesh(Mesh { trust_domain: "other".into(), ..settings() })));
    assert_eq!(index.resolve(), [Key::Mesh].into());
    assert_eq!(index.work(), Work { reports: before.reports + 1, ..before });
}

#[test]
fn an_address_that_is_claimed_by_hand_costs_itself() {
    let machine =
        |ip: &'static str| move || set("ExternalWorkload ns1/db", Fact::Workload(workload("db", ip)));
    // The machine, its address as its namespace's clients see it, its report and that of the policy of all its namespace.
    check(machine("192.0.2.1"), Work { networks: 1, workloads: 1, access: 1, reports: 2, ..NONE }, 4);
    // A live Pod keeps its address: the Service that the Pod is behind is looked at, and stays as it was.
    check(machine("10.0.12.1"), Work { members: 1, workloads: 1, access: 1, reports: 2, ..NONE }, 3);
}

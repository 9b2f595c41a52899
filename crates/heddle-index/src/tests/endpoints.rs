//! Endpoints of Services, and the transport to each.

use super::build::*;
use heddle_model::fact::{
    Mtls, Node, Protocol, Service, ServiceForm, Slice, SliceEndpoint, TargetPort, Workload,
};
use heddle_model::snapshot::{Endpoint, Health, Transport};
use heddle_model::{Fact, Families, Family, Snapshot};

/// `address:port transport health @workload`, one per endpoint.
fn print(snapshot: &Snapshot, service: &str, port: u16) -> Vec<String> {
    let endpoints = snapshot.endpoints.get(&port_key(service, port));
    let print = |endpoint: &Endpoint| {
        let transport = match &endpoint.transport {
            Transport::Plain => "plain".to_string(),
            Transport::Mesh(identity) => format!("mesh {identity}"),
            Transport::Refused => "refused".to_string(),
        };
        let health = match endpoint.health {
            Health::Ready => "",
            Health::Draining => " draining",
        };
        let workload = endpoint.workload.as_ref().map(|key| format!(" @{key}")).unwrap_or_default();
        format!("{}:{} {transport}{health}{workload}", endpoint.address, endpoint.port)
    };
    endpoints.map(|endpoints| endpoints.items.iter().map(print).collect()).unwrap_or_default()
}

#[track_caller]
fn check(objects: impl IntoIterator<Item = (&'static str, Fact)>, want: &[&str]) {
    assert_eq!(print(&snapshot(objects), "web", 80), want);
}

fn web() -> (&'static str, Fact) {
    ("Service shop/web", service("web", "10.1.0.1"))
}

/// A condition of an endpoint: ready, serving, terminating.
fn conditions(ip: &str, [ready, serving, terminating]: [bool; 3]) -> SliceEndpoint {
    SliceEndpoint { ready, serving, terminating, ..endpoint(ip, None) }
}

#[test]
fn a_meshed_pod_is_dialled_by_its_identity() {
    let slice = slice("web", vec![endpoint("10.0.0.1", Some("web-0"))]);
    check(
        [web(), ("Pod shop/web-0", pod("web", "10.0.0.1")), ("EndpointSlice shop/web", slice)],
        &["10.0.0.1:8080 mesh shop/web @pod/shop/web-0"],
    );
}

#[test]
fn readiness_is_what_kube_proxy_makes_of_it() {
    let endpoints = vec![
        conditions("10.0.0.1", [true, true, false]),
        conditions("10.0.0.2", [false, true, true]),
        conditions("10.0.0.3", [false, true, false]),
        conditions("10.0.0.4", [false, false, true]),
    ];
    let slice = || ("EndpointSlice shop/web", slice("web", endpoints.clone()));
    check([web(), slice()], &["10.0.0.1:8080 plain", "10.0.0.2:8080 plain draining"]);
    let all = Service { publish_not_ready: true, ..virtual_service("web", "10.1.0.1") };
    let all = ("Service shop/web", Fact::Service(all));
    let want = ["10.0.0.1:8080 plain", "10.0.0.2:8080 plain", "10.0.0.3:8080 plain", "10.0.0.4:8080 plain"];
    check([all, slice()], &want);
}

#[test]
fn an_address_in_two_slices_is_one_endpoint_the_readiest() {
    let first = slice("web", vec![conditions("10.0.0.1", [false, true, true])]);
    let second = slice("web", vec![endpoint("10.0.0.1", None), endpoint("10.0.0.2", None)]);
    check(
        [web(), ("EndpointSlice shop/web-1", first), ("EndpointSlice shop/web-2", second)],
        &["10.0.0.1:8080 plain", "10.0.0.2:8080 plain"],
    );
}

#[test]
fn an_address_of_another_namespace_is_refused_and_told() {
    let objects = || {
        [
            web(),
            ("Pod bank/vault", pod("vault", "10.0.0.9")),
            ("Service bank/vault", service("vault", "10.1.0.9")),
            (
                "EndpointSlice shop/web",
                slice(
                    "web",
                    vec![endpoint("10.0.0.9", None), endpoint("10.1.0.9", None), endpoint("10.0.0.8", None)],
                ),
            ),
        ]
    };
    check(objects(), &["10.0.0.8:8080 plain"]);
    let snapshot = snapshot(objects());
    let found = snapshot.diagnostics.get(&source("EndpointSlice shop/web")).unwrap();
    let found: Vec<_> = found.iter().map(|d| format!("{} {}: {}", d.reason, d.field, d.message)).collect();
    assert_eq!(
        found,
        [
            "ForeignAddress endpoints[0].addresses[0]: 10.0.0.9 belongs to Pod bank/vault of another namespace: it is no endpoint; a ReferenceGrant in namespace bank from Services of namespace shop to the Pod, and a targetRef that names the Pod would make it one",
            "ForeignAddress endpoints[1].addresses[0]: 10.1.0.9 belongs to Service bank/vault of another namespace: it is no endpoint",
        ]
    );
}

#[test]
fn a_pod_on_the_host_network_owns_no_address_but_is_known_by_name() {
    let host = Workload { host_network: true, ..workload("agent", "192.168.0.1") };
    let other = Workload { host_network: true, ..workload("web", "192.168.0.1") };
    let slice = slice("web", vec![endpoint("192.168.0.1", Some("web-0"))]);
    let objects = [
        web(),
        ("Pod kube-system/agent", Fact::Workload(host)),
        ("Pod shop/web-0", Fact::Workload(other)),
        ("EndpointSlice shop/web", slice),
    ];
    let snapshot = snapshot(objects);
    assert_eq!(print(&snapshot, "web", 80), ["192.168.0.1:8080 plain @pod/shop/web-0"]);
    assert_eq!(snapshot.addresses.at("192.168.0.1".parse().unwrap()).count(), 0);
}

#[test]
fn a_pod_that_is_going_is_no_workload_any_more_but_is_still_dialled_with_tls() {
    let going = Workload { ended: true, ..workload("web", "10.0.0.1") };
    let draining = SliceEndpoint { pod: Some("web-0".into()), ..conditions("10.0.0.1", [false, true, true]) };
    check(
        [
            web(),
            ("Pod shop/web-0", Fact::Workload(going)),
            ("EndpointSlice shop/web", slice("web", vec![draining])),
        ],
        &["10.0.0.1:8080 mesh shop/web draining"],
    );
}

#[test]
fn a_selector_picks_external_workloads_beside_the_slices() {
    let vm = Workload { addresses: vec!["10.9.0.1".parse().unwrap()], ..workload("web", "10.9.0.1") };
    let other = workload("other", "10.9.0.2");
    check(
        [
            web(),
            ("ExternalWorkload shop/vm", Fact::Workload(vm)),
            ("ExternalWorkload shop/other", Fact::Workload(other)),
            ("ExternalWorkload bank/vm", pod("web", "10.9.0.3")),
            ("EndpointSlice shop/web", slice("web", vec![endpoint("10.0.0.1", None)])),
        ],
        &["10.0.0.1:8080 plain", "10.9.0.1:8080 mesh shop/web @external/shop/vm"],
    );
}

#[test]
fn a_named_target_port_is_each_workloads_own() {
    let mut service = virtual_service("web", "10.1.0.1");
    service.ports[0].target = TargetPort::Name("http".into());
    let on = |port| Workload {
        ports: vec![declared("http", port, Some(Protocol::Http))],
        ..workload("web", &format!("10.9.0.{}", port % 10))
    };
    let without = workload("web", "10.9.0.9");
    check(
        [
            ("Service shop/web", Fact::Service(service)),
            ("ExternalWorkload shop/a", Fact::Workload(on(9001))),
            ("ExternalWorkload shop/b", Fact::Workload(on(9002))),
            ("ExternalWorkload shop/c", Fact::Workload(without)),
        ],
        &["10.9.0.1:9001 mesh shop/web @external/shop/a", "10.9.0.2:9002 mesh shop/web @external/shop/b"],
    );
}

#[test]
fn an_external_workload_has_the_address_families_of_the_service() {
    let both = Workload {
        addresses: vec!["10.9.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
        ..workload("web", "10.9.0.1")
    };
    let both = || ("ExternalWorkload shop/vm", Fact::Workload(both.clone()));
    check([web(), both()], &["10.9.0.1:8080 mesh shop/web @external/shop/vm"]);
    let headless = Service {
        form: ServiceForm::Headless,
        families: Families::Unstated,
        ..virtual_service("web", "10.1.0.1")
    };
    check(
        [("Service shop/web", Fact::Service(headless)), both()],
        &["10.9.0.1:8080 mesh shop/web @external/shop/vm", "fd00::1:8080 mesh shop/web @external/shop/vm"],
    );
}

#[test]
fn an_endpoint_of_a_family_that_the_service_lacks_is_none() {
    let slice = || {
        let both = slice("web", vec![endpoint("10.0.0.1", None), endpoint("fd00::1", None)]);
        ("EndpointSlice shop/web", both)
    };
    let service_of = |families| {
        ("Service shop/web", Fact::Service(Service { families, ..virtual_service("web", "10.1.0.1") }))
    };
    check([service_of(Families::Single(Family::V4)), slice()], &["10.0.0.1:8080 plain"]);
    check([service_of(Families::Single(Family::V6)), slice()], &["fd00::1:8080 plain"]);
    check([service_of(Families::Dual(Family::V6)), slice()], &["10.0.0.1:8080 plain", "fd00::1:8080 plain"]);
}

#[test]
fn an_external_name_has_no_endpoints_at_all() {
    let form = ServiceForm::External("example.com".into());
    let external = Service { form, ..virtual_service("web", "10.1.0.1") };
    let snapshot = snapshot([
        ("Service shop/web", Fact::Service(external)),
        ("EndpointSlice shop/web", slice("web", vec![endpoint("10.0.0.1", None)])),
    ]);
    assert!(snapshot.endpoints.is_empty());
    assert_eq!(snapshot.services.len(), 1);
}

/// The transport of a workload under a mode, as changed.
#[track_caller]
fn check_transport(mtls: Option<Mtls>, change: fn(&mut Workload), want: &str) {
    let mut vm = workload("web", "10.9.0.1");
    change(&mut vm);
    let objects = [
        web(),
        ("ExternalWorkload shop/vm", Fact::Workload(vm)),
        ("InboundPolicy shop/mode", inbound("web", |policy| policy.mtls = mtls)),
    ];
    check(objects, &[&format!("10.9.0.1:8080 {want} @external/shop/vm")]);
}

#[test]
fn permissive_is_dialled_with_tls_only_where_a_proxy_answers() {
    for mode in [None, Some(Mtls::Permissive)] {
        check_transport(mode, |_| {}, "mesh shop/web");
        check_transport(mode, |vm| vm.plane = None, "plain");
        check_transport(mode, |vm| vm.identity = None, "plain");
        check_transport(mode, |vm| vm.host_network = true, "plain");
        check_transport(mode, |vm| vm.skip_inbound_ports = [8080].into(), "plain");
    }
    check_transport(Some(Mtls::Disabled), |_| {}, "plain");
}

#[test]
fn strict_is_never_dialled_in_plain_text() {
    let strict = Some(Mtls::Strict);
    check_transport(strict, |_| {}, "mesh shop/web");
    check_transport(strict, |vm| vm.plane = None, "mesh shop/web");
    check_transport(strict, |vm| vm.host_network = true, "mesh shop/web");
    check_transport(strict, |vm| vm.skip_inbound_ports = [8080].into(), "mesh shop/web");
    check_transport(strict, |vm| vm.identity = None, "refused");
}

#[test]
fn a_place_comes_from_the_slice_then_the_node_then_the_workload() {
    let place = |zone: &str| {
        Fact::Node(Node { region: Some("r".into()), zone: Some(zone.into()), ..Node::default() })
    };
    let mut sliced = endpoint("10.0.0.1", None);
    sliced.node = Some("n1".into());
    sliced.zone = Some("by-slice".into());
    let on_node = Workload { node: Some("n1".into()), ..workload("web", "10.0.0.2") };
    let own = Workload { zone: Some("own".into()), ..workload("web", "10.0.0.3") };
    let slice = Slice {
        service: Some(heddle_model::ServiceKey::new("shop", "web")),
        ports: vec![("http".into(), 8080)],
        endpoints: vec![sliced, endpoint("10.0.0.2", Some("web-0"))],
        created: None,
    };
    let snapshot = snapshot([
        web(),
        ("Node n1", place("by-node")),
        ("Pod shop/web-0", Fact::Workload(on_node)),
        ("ExternalWorkload shop/vm", Fact::Workload(own)),
        ("EndpointSlice shop/web", Fact::Slice(slice)),
    ]);
    let endpoints = snapshot.endpoints.get(&port_key("web", 80)).unwrap();
    let places = endpoints.items.iter().map(|e| (e.region.as_deref(), e.zone.as_deref()));
    let want = [(Some("r"), Some("by-slice")), (Some("r"), Some("by-node")), (None, Some("own"))];
    assert!(places.eq(want), "{endpoints:?}");
}

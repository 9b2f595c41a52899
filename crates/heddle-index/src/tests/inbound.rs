//! The inbound ports of a workload: which there are, what they speak, their mTLS mode, and who is told of a conflict.

use super::build::*;
use heddle_model::access::Action;
use heddle_model::fact::{
    Covers, DataPlane, Invalid, Mtls, PortProtocol, Protocol, Service, Slice, Workload, WorkloadPort,
};
use heddle_model::{Fact, ServiceKey, Snapshot};
use std::collections::BTreeSet;

/// `port protocol mode by policy`, one per port; `*` is every other.
fn print(snapshot: &Snapshot) -> Vec<String> {
    let workload = snapshot.workloads.get(&pod_key("web-0")).unwrap();
    let by = |source: &Option<heddle_model::SourceRef>| {
        source.as_ref().map(|source| format!(" by {}", source.name)).unwrap_or_default()
    };
    let mut lines: Vec<_> = workload
        .inbound
        .iter()
        .map(|port| {
            let app = if port.app_port == port.port { String::new() } else { format!("->{}", port.app_port) };
            format!("{}{app} {:?} {:?}{}", port.port, port.protocol, port.mtls, by(&port.mtls_source))
        })
        .collect();
    let other = &workload.undeclared;
    lines.push(format!("* {:?}{}", other.mtls, by(&other.mtls_source)));
    lines
}

#[track_caller]
fn check(objects: impl IntoIterator<Item = (&'static str, Fact)>, want: &[&str]) {
    assert_eq!(print(&snapshot(objects)), want);
}

fn web() -> (&'static str, Fact) {
    ("Pod shop/web-0", pod("web", "10.0.0.1"))
}

fn behind(service: &'static str) -> Fact {
    slice(service, vec![endpoint("10.0.0.1", Some("web-0"))])
}

fn speaking(protocol: Option<Protocol>) -> Fact {
    let mut service = virtual_service("web", "10.1.0.1");
    service.ports[0].protocol = protocol.map_or(PortProtocol::Unset, PortProtocol::Named);
    Fact::Service(service)
}

fn mode(app: &str, mtls: Mtls, ports: &[u16]) -> Fact {
    let ports: BTreeSet<u16> = ports.iter().copied().collect();
    inbound(app, |policy| (policy.mtls, policy.ports) = (Some(mtls), ports))
}

#[test]
fn a_pod_that_nothing_names_has_only_its_default() {
    check([web()], &["* Permissive"]);
    let plain = Workload { plane: None, ..workload("web", "10.0.0.1") };
    check([("Pod shop/web-0", Fact::Workload(plain))], &["* Disabled"]);
}

#[test]
fn ports_are_those_of_services_of_the_workload_and_of_policies() {
    let declaring = Workload {
        ports: vec![WorkloadPort {
            name: None,
            port: 9000,
            app_port: 9001,
            protocol: Some(Protocol::Tcp),
            named: None,
        }],
        ..workload("web", "10.0.0.1")
    };
    let ports = Covers::Workloads { selector: labels("app=web"), ports: [7000].into() };
    check(
        [
            ("Pod shop/web-0", Fact::Workload(declaring)),
            ("Service shop/web", speaking(Some(Protocol::Grpc))),
            ("EndpointSlice shop/web", behind("web")),
            ("InboundPolicy shop/mode", mode("web", Mtls::Strict, &[6000])),
            ("AccessPolicy shop/some", access(Action::Deny, ports, "intruder")),
        ],
        &[
            "6000 Detect Strict by mode",
            "7000 Detect Permissive",
            "8080 Grpc Permissive",
            "9000->9001 Tcp Permissive",
            "* Permissive",
        ],
    );
}

#[test]
fn an_endpoint_that_is_not_ready_has_its_ports_already() {
    let mut starting = endpoint("10.0.0.1", Some("web-0"));
    (starting.ready, starting.serving) = (false, false);
    let objects = [
        web(),
        ("Service shop/web", speaking(None)),
        ("EndpointSlice shop/web", slice("web", vec![starting])),
    ];
    check(objects, &["8080 Detect Permissive", "* Permissive"]);
}

#[test]
fn a_policy_says_the_protocol_before_the_workload_before_the_services() {
    let declaring = Workload {
        ports: vec![declared("http", 8080, Some(Protocol::Http2))],
        ..workload("web", "10.0.0.1")
    };
    let objects = || {
        [
            ("Pod shop/web-0", Fact::Workload(declaring.clone())),
            ("Service shop/web", speaking(Some(Protocol::Grpc))),
            ("EndpointSlice shop/web", behind("web")),
        ]
    };
    check(objects(), &["8080 Http2 Permissive", "* Permissive"]);
    let opaque = ("InboundPolicy shop/a", inbound("web", |policy| policy.protocol = Some(Protocol::Opaque)));
    check(objects().into_iter().chain([opaque]), &["8080 Opaque Permissive", "* Permissive"]);
}

#[test]
fn the_name_of_a_workloads_port_is_heard_where_nobody_else_says_its_protocol() {
    let port = WorkloadPort { named: Some(Protocol::Http), ..declared("http", 8080, None) };
    let declaring = Workload { ports: vec![port], ..workload("web", "10.0.0.1") };
    let objects = |service| {
        [
            ("Pod shop/web-0", Fact::Workload(declaring.clone())),
            ("Service shop/web", speaking(service)),
            ("EndpointSlice shop/web", behind("web")),
        ]
    };
    check(objects(None), &["8080 Http Permissive", "* Permissive"]);
    check(objects(Some(Protocol::Tcp)), &["8080 Tcp Permissive", "* Permissive"]);
}

#[test]
fn two_services_that_disagree_are_both_told_and_the_port_is_detected() {
    let other = Service {
        ports: vec![heddle_model::fact::ServicePort {
            protocol: PortProtocol::Named(Protocol::Tcp),
            ..service_port("http", 90, 8080)
        }],
        ..virtual_service("web", "10.1.0.2")
    };
    let objects = || {
        [
            web(),
            ("Service shop/web", speaking(Some(Protocol::Http))),
            ("Service shop/raw", Fact::Service(other.clone())),
            ("EndpointSlice shop/web", behind("web")),
            ("EndpointSlice shop/raw", behind("raw")),
        ]
    };
    check(objects(), &["8080 Detect Permissive", "* Permissive"]);
    let snapshot = snapshot(objects());
    let found = |service: &str| {
        let found = snapshot.diagnostics.get(&source(service)).unwrap();
        found.iter().map(|d| format!("{} {}: {}", d.reason, d.field, d.message)).collect::<Vec<_>>()
    };
    assert_eq!(
        found("Service shop/web"),
        [
            "ProtocolConflict spec.ports: port 80 says Http of target port 8080, but shop/raw:90 says Tcp: it is detected"
        ]
    );
    assert_eq!(
        found("Service shop/raw"),
        [
            "ProtocolConflict spec.ports: port 90 says Tcp of target port 8080, but shop/web:80 says Http: it is detected"
        ]
    );
}

#[test]
fn the_strictest_mode_holds_and_the_others_are_told() {
    let objects = || {
        [
            web(),
            ("InboundPolicy shop/a", mode("", Mtls::Disabled, &[])),
            ("InboundPolicy shop/b", mode("web", Mtls::Strict, &[8080])),
            ("InboundPolicy shop/c", mode("other", Mtls::Strict, &[])),
        ]
    };
    check(objects(), &["8080 Detect Strict by b", "* Disabled by a"]);
    let snapshot = snapshot(objects());
    let conditions = |policy: &str| {
        let report = snapshot.reports.get(&source(policy)).unwrap();
        let conditions = report.subjects[0].conditions.iter();
        conditions.map(|c| format!("{} {}: {}", c.kind, c.reason, c.message)).collect::<Vec<_>>()
    };
    assert_eq!(
        conditions("InboundPolicy shop/a"),
        [
            "Accepted Accepted: selects 1 workloads, 0 ports",
            "Conflicted Conflicted: port 8080: mTLS Disabled gives way to Strict of InboundPolicy shop/b, the strictest holds",
        ]
    );
    assert_eq!(
        conditions("InboundPolicy shop/b"),
        [
            "Accepted Accepted: selects 1 workloads, 0 ports; no selected workload declares port 8080, and no Service leads to it: it is not counted as covered"
        ]
    );
    assert_eq!(conditions("InboundPolicy shop/c"), ["Accepted Accepted: selects 0 workloads, 0 ports"]);
}

#[test]
fn of_two_protocols_the_first_policy_by_name_holds_and_the_other_is_told() {
    let speaking =
        |protocol| inbound("web", |policy| (policy.protocol, policy.ports) = (Some(protocol), [8080].into()));
    let objects = || {
        [
            web(),
            ("InboundPolicy shop/b", speaking(Protocol::Tcp)),
            ("InboundPolicy shop/a", speaking(Protocol::Http)),
        ]
    };
    check(objects(), &["8080 Http Permissive", "* Permissive"]);
    let report = snapshot(objects()).reports.get(&source("InboundPolicy shop/b")).unwrap().clone();
    assert_eq!(
        report.subjects[0].conditions[1].message,
        "port 8080: protocol Tcp gives way to Http of InboundPolicy shop/a, the first by name holds"
    );
}

#[test]
fn a_policy_that_cannot_be_read_makes_its_namespace_strict() {
    let invalid = Fact::Invalid(Invalid { message: "spec.mtls: \"Strickt\" is no mode".into() });
    let objects = [web(), ("InboundPolicy shop/bad", invalid)];
    let snapshot = snapshot(objects);
    assert_eq!(print(&snapshot), ["* Strict by bad"]);
    let report = snapshot.reports.get(&source("InboundPolicy shop/bad")).unwrap();
    let condition = &report.subjects[0].conditions[0];
    assert_eq!((condition.kind, condition.holds, condition.reason), ("Accepted", false, "Invalid"));
    assert_eq!(
        condition.message,
        "spec.mtls: \"Strickt\" is no mode; until it is corrected every workload of the namespace is Strict"
    );
}

/// Every object that may name a port of a workload, naming the same one, and what each is told.
fn naming(port: u16, plane: DataPlane) -> (Vec<String>, Vec<String>) {
    let pod = Workload {
        plane: Some(plane),
        ports: vec![declared("x", port, None)],
        ..workload("web", "10.0.0.1")
    };
    let mut service = virtual_service("web", "10.1.0.1");
    service.ports = vec![service_port("http", 80, port)];
    let endpoints = vec![endpoint("10.0.0.1", Some("web-0"))];
    let web = Some(ServiceKey::new("shop", "web"));
    let slice = Slice { service: web, ports: vec![("http".into(), port)], endpoints, created: None };
    let ports = Covers::Workloads { selector: labels("app=web"), ports: [port].into() };
    let snapshot = snapshot([
        ("Pod shop/web-0", Fact::Workload(pod)),
        ("Service shop/web", Fact::Service(service)),
        ("EndpointSlice shop/web", Fact::Slice(slice)),
        ("InboundPolicy shop/p", mode("web", Mtls::Strict, &[port])),
        ("AccessPolicy shop/p", access(Action::Deny, ports, "intruder")),
    ]);
    let mut told = Vec::new();
    for object in ["Pod shop/web-0", "Service shop/web"] {
        let all = snapshot.diagnostics.get(&source(object));
        told.extend(all.iter().flat_map(|all| all.iter()).map(|one| format!("{object}: {}", one.message)));
    }
    for object in ["InboundPolicy shop/p", "AccessPolicy shop/p"] {
        let report = snapshot.reports.get(&source(object)).unwrap();
        let all = report.subjects[0].conditions.iter().filter(|one| one.kind == "Enforced");
        told.extend(all.map(|one| format!("{object}: {}", one.message)));
    }
    (print(&snapshot), told)
}

#[test]
fn a_port_of_the_proxy_itself_is_nobodys_and_whoever_names_it_is_told() {
    for (plane, ports) in
        [(DataPlane::Envoy, &[15001, 15006][..]), (DataPlane::Linkerd, &[4140, 4143, 4191][..])]
    {
        for port in ports {
            let (printed, told) = naming(*port, plane);
            assert_eq!(printed, ["* Permissive"], "{plane:?} {port}");
            assert_eq!(
                told,
                [
                    format!(
                        "Pod shop/web-0: port {port} belongs to the workload's proxy: it reaches no application"
                    ),
                    format!(
                        "Service shop/web: port 80 leads to port {port}, which belongs to the proxy of a workload behind it: it reaches no application there"
                    ),
                    format!(
                        "InboundPolicy shop/p: port {port} belongs to the proxy of a selected workload: the policy does nothing there, name another port"
                    ),
                    format!(
                        "AccessPolicy shop/p: port {port} belongs to the proxy of a selected workload: the policy does nothing there, name another port"
                    ),
                ]
            );
        }
    }
    for (plane, port) in [(DataPlane::Envoy, 4143), (DataPlane::Linkerd, 15006)] {
        let (printed, told) = naming(port, plane);
        assert_eq!((printed.len(), told.len()), (2, 0), "{printed:?} {told:?}");
    }
}

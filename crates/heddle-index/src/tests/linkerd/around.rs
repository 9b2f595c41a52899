//! The surroundings of Servers: limits, destinations outside, annotations.

use super::*;
use heddle_model::fact::{
    DataPlane, Egress, EgressNetwork, Mesh, Namespace, PortProtocol, Protocol, Service, ServicePort, Slice,
    Workload,
};
use heddle_model::{Kind, ServiceKey, SourceRef};
use std::collections::BTreeSet;

#[test]
fn the_oldest_rate_limit_holds_and_the_others_are_told() {
    let limit = |total, created| {
        let (server, overrides) = ("s".into(), Vec::new());
        Fact::RateLimit(RateLimitPolicy { server, total: Some(total), identity: None, overrides, created })
    };
    let objects = vec![
        ("Server shop/s", closed()),
        ("HTTPLocalRateLimitPolicy shop/a", limit(1, Some(7))),
        ("HTTPLocalRateLimitPolicy shop/b", limit(2, Some(6))),
    ];
    let snapshot = mesh(objects.clone());
    let holds = port(&snapshot, 8080).rate_limit.map(|limit| (limit.source.to_string(), limit.total));
    assert_eq!(holds, Some(("HTTPLocalRateLimitPolicy shop/b".into(), Some(2))));
    let reason = |snapshot: &Snapshot, name: &str| {
        snapshot.reports.get(&source(name)).unwrap().subjects[0].conditions[0].reason
    };
    assert_eq!(reason(&snapshot, "HTTPLocalRateLimitPolicy shop/a"), "RateLimitReasonAlreadyExists");
    assert_eq!(reason(&snapshot, "HTTPLocalRateLimitPolicy shop/b"), "Accepted");
    let none = mesh(objects[1..2].to_vec());
    assert_eq!(reason(&none, "HTTPLocalRateLimitPolicy shop/a"), "NoMatchingTarget");
}

#[test]
fn egress_is_what_lies_outside_and_one_that_overlaps_or_names_nothing_allows_nothing() {
    let egress = |cidr: &[&str], policy| {
        let networks = cidr.iter().map(|cidr| network(cidr)).collect();
        Fact::Egress(EgressNetwork { networks, policy, created: None })
    };
    let mesh = || Mesh { networks: vec!["10.0.0.0/8".parse().unwrap()], ..Mesh::default() };
    let snapshot = snapshot([
        ("Mesh default", Fact::Mesh(mesh())),
        ("EgressNetwork shop/all", egress(&[], Egress::Deny)),
        ("EgressNetwork shop/nameless", egress(&[], Egress::Allow)),
        ("EgressNetwork shop/inside", egress(&["10.1.0.0/16"], Egress::Allow)),
        ("EgressNetwork shop/shut", egress(&["10.1.0.0/16"], Egress::Deny)),
        ("EgressNetwork shop/broken", Fact::Invalid(Invalid { message: "x".into() })),
    ]);
    let found = |name: &str| snapshot.egress.get(&SourceRef::new(Kind::EgressNetwork, "shop", name));
    let all = found("all").unwrap();
    assert_eq!(all.networks[0].except, ["10.0.0.0/8".parse().unwrap()]);
    assert!(found("nameless").is_none() && found("inside").is_none() && found("shut").is_some());
    assert_eq!(found("broken").map(|egress| egress.policy), Some(Egress::Deny));
    let reason = |name: &str| {
        snapshot.reports.get(&source(&format!("EgressNetwork shop/{name}"))).unwrap().subjects[0].conditions
            [0]
        .reason
    };
    assert_eq!(
        ["all", "nameless", "inside", "broken"].map(reason),
        ["Accepted", "NoNetworks", "EgressReasonNetworkOverlap", "Invalid"]
    );
}

fn annotated(plane: DataPlane, config: ProxyConfig) -> Fact {
    let mut cart = workload("cart", "10.0.0.1");
    (cart.plane, cart.config) = (Some(plane), Some(Box::new(config)));
    Fact::Workload(cart)
}

#[test]
fn annotations_hold_for_linkerds_proxies_where_no_server_is() {
    let config = || ProxyConfig {
        default_policy: Some(DefaultPolicy::Deny),
        opaque_ports: Some([25].into()),
        skip_inbound_ports: Some([9999].into()),
    };
    let linkerd = snapshot([("Pod shop/cart", annotated(DataPlane::Linkerd, config()))]);
    let cart = linkerd.workloads.get(&pod_key("cart")).unwrap();
    assert_eq!(said(&cart.undeclared.access), ["Deny"]);
    assert_eq!(cart.undeclared.access.posture_source, Some(source("Pod shop/cart")));
    assert_eq!(cart.skip_inbound_ports, BTreeSet::from([9999]));
    assert_eq!(port(&linkerd, 25).protocol, Protocol::Opaque);
    let envoy = snapshot([("Pod shop/cart", annotated(DataPlane::Envoy, config()))]);
    let cart = envoy.workloads.get(&pod_key("cart")).unwrap();
    assert_eq!((cart.undeclared.access.posture, cart.inbound.len()), (Posture::Allow, 0));
}

#[test]
fn a_pods_annotations_stand_before_its_namespaces() {
    let default_policy =
        |default_policy| ProxyConfig { default_policy: Some(default_policy), ..ProxyConfig::default() };
    let around = |posture, config| {
        let config = Some(Box::new(config));
        ("Namespace shop", Fact::Namespace(Namespace { posture, uses: None, config }))
    };
    let posture = |pod: ProxyConfig, around: (&'static str, Fact)| {
        let snapshot = snapshot([("Pod shop/cart", annotated(DataPlane::Linkerd, pod)), around]);
        snapshot.workloads.get(&pod_key("cart")).unwrap().undeclared.access.posture
    };
    let nothing = ProxyConfig::default;
    assert_eq!(posture(nothing(), around(None, default_policy(DefaultPolicy::Deny))), Posture::Deny);
    assert_eq!(
        posture(default_policy(DefaultPolicy::All), around(None, default_policy(DefaultPolicy::Deny))),
        Posture::Allow
    );
    let own = around(Some(Posture::Authenticated), default_policy(DefaultPolicy::Deny));
    assert_eq!(posture(nothing(), own.clone()), Posture::Authenticated, "Heddle's own word comes first");
    assert_eq!(posture(default_policy(DefaultPolicy::All), own), Posture::Allow);
}

/// A Service of one port, with a Pod of this plane behind it: what the Service speaks to its clients, and what the Pod's
/// port speaks.
fn spoken(
    suffix: &str,
    plane: DataPlane,
    service: impl FnOnce(&mut Service),
    around: Namespace,
) -> [Protocol; 2] {
    let mut own = virtual_service("db", "10.1.0.1");
    own.ports = vec![ServicePort { name: "".into(), ..service_port("", 3306, 3306) }];
    service(&mut own);
    let pod = Workload { plane: Some(plane), ..workload("db", "10.0.0.1") };
    let slice = Slice {
        service: Some(ServiceKey::new("shop", "db")),
        ports: vec![("".into(), 3306)],
        endpoints: vec![endpoint("10.0.0.1", Some("cart"))],
        created: None,
    };
    let mesh = Mesh { identity_suffix: suffix.into(), ..Mesh::default() };
    let snapshot = snapshot([
        ("Mesh default", Fact::Mesh(mesh)),
        ("Namespace shop", Fact::Namespace(around)),
        ("Service shop/db", Fact::Service(own)),
        ("Pod shop/cart", Fact::Workload(pod)),
        ("EndpointSlice shop/db", Fact::Slice(slice)),
    ]);
    let service = snapshot.services.get(&ServiceKey::new("shop", "db")).unwrap();
    [service.ports[0].protocol, port(&snapshot, 3306).protocol]
}

#[test]
fn linkerds_default_opaque_ports_hold_until_an_annotation_or_the_port_says_otherwise() {
    use DataPlane::{Envoy, Linkerd};
    use Protocol::{Detect, Http, Opaque};
    let moving = "linkerd.cluster.local";
    let own = "heddle.cluster.local";
    let none = |_: &mut Service| {};
    let nothing = Namespace::default;
    for plane in [Envoy, Linkerd] {
        assert_eq!(spoken(moving, plane, none, nothing()), [Opaque, Opaque], "{plane:?}");
    }
    assert_eq!(spoken(own, Linkerd, none, nothing()), [Detect, Opaque]);
    assert_eq!(spoken(own, Envoy, none, nothing()), [Detect, Detect]);
    let other = |service: &mut Service| service.opaque_ports = Some([25].into());
    assert_eq!(spoken(moving, Envoy, other, nothing())[0], Detect, "the annotation replaces them");
    let named = |service: &mut Service| service.ports[0].protocol = PortProtocol::Named(Http);
    for plane in [Envoy, Linkerd] {
        assert_eq!(spoken(moving, plane, named, nothing()), [Http, Http], "{plane:?}");
    }
    let around = |ports: &[u16]| {
        let opaque_ports = Some(ports.iter().copied().collect());
        let config = Some(Box::new(ProxyConfig { opaque_ports, ..ProxyConfig::default() }));
        Namespace { config, ..Namespace::default() }
    };
    for plane in [Envoy, Linkerd] {
        assert_eq!(spoken(moving, plane, none, around(&[])), [Detect, Detect], "{plane:?}");
        assert_eq!(spoken(own, plane, none, around(&[3306])), [Opaque, Opaque], "{plane:?}");
    }
}

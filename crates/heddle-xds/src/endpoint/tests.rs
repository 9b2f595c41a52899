use super::*;
use heddle_model::snapshot::Health;
use heddle_model::{Identity, ServiceKey, ServicePortKey};
use heddle_proto::unpack;

/// `a1n` is an endpoint with address 10.0.0.1 in zone `a`, on Node `n`; a leading `!` drains.
fn endpoint(text: &str) -> Endpoint {
    let (health, text) = match text.strip_prefix('!') {
        Some(rest) => (Health::Draining, rest),
        None => (Health::Ready, text),
    };
    let number = text[1..2].parse().expect("a digit");
    let place = |range| Some(Name::from(&text[range])).filter(|name: &Name| name.as_str() != "-");
    Endpoint {
        address: [10, 0, 0, number].into(),
        port: 80,
        workload: None,
        transport: Transport::Plain,
        health,
        node: place(2..3),
        region: Some("r".into()),
        server: None,
        zone: place(0..1),
    }
}

fn port() -> FamilyPort {
    FamilyPort::first(ServicePortKey { service: ServiceKey::new("shop", "cart"), port: 80 })
}

fn list(locality: Locality, items: &str, seen: Seen) -> Option<xds::ClusterLoadAssignment> {
    let items = items.split_whitespace().map(endpoint).collect();
    let resource = of_port(&port(), locality, &Endpoints { items, absent: None }, seen)?;
    Some(unpack(&resource.body).expect("a list"))
}

fn digit(endpoint: &xds::LbEndpoint) -> String {
    let Some(xds::lb_endpoint::HostIdentifier::Endpoint(endpoint)) = &endpoint.host_identifier else {
        panic!("no endpoint")
    };
    let Some(xds::address::Address::SocketAddress(socket)) =
        endpoint.address.as_ref().and_then(|address| address.address.as_ref())
    else {
        panic!("no address")
    };
    socket.address.trim_start_matches("10.0.0.").to_string()
}

/// `want` is tiers of localities: `a12 b3 | c4`.
#[track_caller]
fn check(locality: Locality, items: &str, seen: Seen, want: Option<&str>) {
    let got = list(locality, items, seen).map(|list| {
        let mut tiers: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for locality in &list.endpoints {
            let zone = locality.locality.as_ref().map(|place| place.zone.clone()).unwrap_or_default();
            let hosts: String = locality.lb_endpoints.iter().map(digit).collect();
            tiers.entry(locality.priority).or_default().push(format!("{zone}{hosts}"));
        }
        assert!((0..).zip(tiers.keys()).all(|(want, got)| want == *got), "Envoy wants no gap: {tiers:?}");
        tiers.into_values().map(|tier| tier.join(" ")).collect::<Vec<_>>().join(" | ")
    });
    assert_eq!(got.as_deref(), want, "{locality:?} {items} {seen:?}");
}

#[test]
fn those_that_drain_are_used_only_where_nobody_is_ready() {
    check(Locality::Any, "a1n !a2n b3m", Seen::Anywhere, Some("a1 b3"));
    check(Locality::Any, "!a1n !b2n", Seen::Anywhere, Some("a1 b2"));
    check(Locality::Any, "", Seen::Anywhere, Some(""));
}

#[test]
fn a_zone_has_a_list_of_its_own_only_where_it_differs() {
    let (a, c) = (Name::from("a"), Name::from("c"));
    check(Locality::PreferZone, "a1n b2m a3m -4m", Seen::FromZone(&a), Some("a13 | 4 b2"));
    check(Locality::PreferZone, "a1n b2m", Seen::FromZone(&c), None);
    check(Locality::PreferZone, "a1n a2m", Seen::FromZone(&a), None);
    check(Locality::PreferZone, "a1n b2m", Seen::Anywhere, Some("a1 b2"));
    check(Locality::Any, "a1n b2m", Seen::FromZone(&a), None);
    check(Locality::PreferZone, "!a1n b2m", Seen::FromZone(&a), None);
}

#[test]
fn a_node_comes_before_its_zone() {
    let (n, x) = (Name::from("n"), Name::from("x"));
    check(Locality::PreferNode, "a1n a2m b3k", Seen::FromNode(&n), Some("a1 | a2 | b3"));
    check(Locality::PreferNode, "-1n -2m", Seen::FromNode(&n), Some("1 | 2"));
    check(Locality::PreferNode, "a1n a2m", Seen::FromNode(&x), None);
    check(Locality::PreferZone, "a1n a2m", Seen::FromNode(&n), None);
}

#[test]
fn only_a_node_is_nobody_elsewhere() {
    let (n, a) = (Name::from("n"), Name::from("a"));
    check(Locality::OnlyNode, "a1n a2m", Seen::FromNode(&n), Some("a1"));
    check(Locality::OnlyNode, "a2m", Seen::FromNode(&n), Some(""));
    check(Locality::OnlyNode, "a1n a2m", Seen::Anywhere, Some(""));
    check(Locality::OnlyNode, "a1n a2m", Seen::FromZone(&a), None);
}

#[test]
fn an_endpoint_says_who_it_is_twice() {
    let identity = Identity::new("shop", "cart").expect("valid");
    for (transport, want) in
        [(Transport::Mesh(identity), "shop/cart"), (Transport::Plain, "-"), (Transport::Refused, "!")]
    {
        let endpoint = super::endpoint(&Endpoint { transport, ..endpoint("a1n") });
        let metadata = &endpoint.metadata.as_ref().expect("metadata").filter_metadata;
        assert_eq!(metadata["envoy.transport_socket_match"], identity_is(want));
        let Some(xds::lb_endpoint::HostIdentifier::Endpoint(endpoint)) = endpoint.host_identifier else {
            panic!("no endpoint")
        };
        assert_eq!(endpoint.hostname, want);
    }
}

#[test]
fn an_envoy_does_not_speak_mesh_tls_to_an_opaque_port_of_linkerds_that_is_not_strict() {
    use heddle_model::fact::{Mtls, Protocol};
    use heddle_model::snapshot::EndpointServer;
    let label = |plane, mtls| {
        let identity = Identity::new("shop", "cart").expect("valid");
        let server = Some(EndpointServer { plane, protocol: Protocol::Opaque, mtls });
        let item = Endpoint { transport: Transport::Mesh(identity), server, ..endpoint("a1n") };
        let found = super::endpoint(&item);
        let Some(xds::lb_endpoint::HostIdentifier::Endpoint(of)) = found.host_identifier else {
            panic!("no endpoint")
        };
        of.hostname
    };
    assert_eq!(label(DataPlane::Linkerd, Mtls::Permissive), "-");
    assert_eq!(label(DataPlane::Linkerd, Mtls::Strict), "shop/cart");
    assert_eq!(label(DataPlane::Envoy, Mtls::Permissive), "shop/cart");
}

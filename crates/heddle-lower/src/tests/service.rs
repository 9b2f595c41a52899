use super::*;
use heddle_model::fact::{Locality, PortProtocol, Protocol, Service, ServiceForm, Slice, TargetPort};
use heddle_model::{Families, Family};

fn service(spec: Value) -> Service {
    match say(Kind::Service, json!({"spec": spec})) {
        (Fact::Service(service), _) => service,
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn a_service_is_reached_in_one_of_three_ways() {
    let virtual_ips =
        |ips: &[&str]| ServiceForm::Virtual(ips.iter().map(|ip| ip.parse().expect("ip")).collect());
    for (spec, want) in [
        (json!({"clusterIP": "10.0.0.1"}), virtual_ips(&["10.0.0.1"])),
        (
            json!({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"]}),
            virtual_ips(&["10.0.0.1", "fd00::1"]),
        ),
        (json!({}), virtual_ips(&[])),
        (json!({"clusterIP": ""}), virtual_ips(&[])),
        (json!({"clusterIP": "None", "clusterIPs": ["None"]}), ServiceForm::Headless),
        (json!({"clusterIP": "None"}), ServiceForm::Headless),
        (
            json!({"type": "ExternalName", "externalName": "a.example"}),
            ServiceForm::External("a.example".into()),
        ),
        (json!({"type": "NodePort", "clusterIP": "10.0.0.1"}), virtual_ips(&["10.0.0.1"])),
    ] {
        assert_eq!(service(spec.clone()).form, want, "{spec}");
    }
}

#[test]
fn a_service_has_its_tcp_ports_by_number() {
    let ports = service(json!({"ports": [
        {"name": "b", "port": 90, "targetPort": "web"},
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "sctp", "port": 54, "protocol": "SCTP"},
        {"name": "a", "port": 80, "protocol": "TCP", "targetPort": 8080},
        {"port": 81, "targetPort": 0},
        {"name": "c", "port": 90},
    ]}))
    .ports;
    let ports: Vec<_> =
        ports.into_iter().map(|port| (port.name.to_string(), port.number, port.target)).collect();
    assert_eq!(
        ports,
        [
            ("a".into(), 80, TargetPort::Number(8080)),
            (String::new(), 81, TargetPort::Number(81)),
            ("b".into(), 90, TargetPort::Name("web".into())),
        ]
    );
}

#[test]
fn the_protocol_of_a_port_is_that_of_app_protocol_and_else_of_its_names_prefix() {
    use PortProtocol::{Declared, Named, Unset};
    use Protocol::{Grpc, Http, Http2, Opaque, Tcp};
    for (name, app, want) in [
        ("http", None, Named(Http)),
        ("http-web", None, Named(Http)),
        ("httpweb", None, Unset),
        ("ws-chat", None, Named(Http)),
        ("http2", None, Named(Http2)),
        ("http2-x", None, Named(Http2)),
        ("h2c", None, Named(Http2)),
        ("grpc", None, Named(Grpc)),
        ("grpc-x-y", None, Named(Grpc)),
        ("grpc-web", None, Named(Http)),
        ("grpc-web-port", None, Named(Http)),
        ("grpc-webhook", None, Named(Grpc)),
        ("grpcweb", None, Unset),
        ("tcp", None, Named(Tcp)),
        ("tcp-http", None, Named(Tcp)),
        ("redis", None, Named(Tcp)),
        ("mongo-0", None, Named(Tcp)),
        ("mongodb", None, Named(Tcp)),
        ("postgres", None, Named(Tcp)),
        ("tls-a", None, Named(Opaque)),
        ("https", None, Named(Opaque)),
        ("https-web", None, Named(Opaque)),
        ("wss", None, Named(Opaque)),
        ("mysql", None, Named(Opaque)),
        ("mysqlx", None, Unset),
        ("smtp-in", None, Named(Opaque)),
        ("udp", None, Unset),
        ("", None, Unset),
        ("-", None, Unset),
        ("web", None, Unset),
        ("my-http", None, Unset),
        ("tcp", Some("http"), Declared(Http)),
        ("tcp", Some("HTTP"), Declared(Http)),
        ("tcp", Some("ws"), Declared(Http)),
        ("tcp", Some("http2"), Declared(Http2)),
        ("tcp", Some("h2c"), Declared(Http2)),
        ("tcp", Some("grpc"), Declared(Grpc)),
        ("tcp", Some("grpc-web"), Declared(Http)),
        ("tcp", Some("kubernetes.io/h2c"), Declared(Http2)),
        ("tcp", Some("kubernetes.io/ws"), Declared(Http)),
        ("http", Some("kubernetes.io/wss"), Declared(Opaque)),
        ("http", Some("linkerd.io/opaque"), Declared(Opaque)),
        ("http", Some("linkerd.io/tcp"), Declared(Opaque)),
        ("http", Some("https"), Declared(Opaque)),
        ("http", Some("tls"), Declared(Opaque)),
        ("http", Some("redis"), Declared(Tcp)),
        ("http", Some("grpc-web-text"), Unset),
        ("http", Some("example.com/own"), Unset),
        ("http", Some("gopher"), Unset),
    ] {
        let got =
            service(json!({"ports": [{"name": name, "port": 80, "appProtocol": app}]})).ports[0].protocol;
        assert_eq!(got, want, "{name} {app:?}");
    }
    check_faults(
        Kind::Service,
        json!({"spec": {"ports": [
            {"port": 1, "name": "a", "appProtocol": "gopher"}, {"port": 2, "name": "b", "appProtocol": "example.com/own"},
        ]}}),
        &[
            r#"spec.ports[0].appProtocol UnsupportedValue: "gopher" is not a protocol that is known here; the protocol is detected"#,
        ],
    );
}

#[test]
fn a_service_says_which_endpoints_are_near() {
    for (spec, want) in [
        (json!({}), Locality::Any),
        (json!({"trafficDistribution": "PreferClose"}), Locality::PreferZone),
        (json!({"trafficDistribution": "PreferSameZone"}), Locality::PreferZone),
        (json!({"trafficDistribution": "PreferSameNode"}), Locality::PreferNode),
        (json!({"trafficDistribution": "Novel"}), Locality::Any),
        (json!({"trafficDistribution": "PreferClose", "internalTrafficPolicy": "Local"}), Locality::OnlyNode),
        (json!({"internalTrafficPolicy": "Cluster"}), Locality::Any),
    ] {
        assert_eq!(service(spec.clone()).locality, want, "{spec}");
    }
}

#[test]
fn the_families_of_a_service_are_those_of_its_virtual_ips_or_else_as_stated() {
    for (spec, want) in [
        (json!({"clusterIPs": ["10.0.0.1"]}), Families::Single(Family::V4)),
        (json!({"clusterIPs": ["fd00::1", "10.0.0.1"]}), Families::Dual(Family::V6)),
        (json!({"clusterIP": "fd00::1", "ipFamilies": ["IPv4"]}), Families::Single(Family::V6)),
        (json!({"clusterIP": "None", "ipFamilies": ["IPv4", "IPv6"]}), Families::Dual(Family::V4)),
        (json!({"clusterIP": "None", "ipFamilies": ["IPv6"]}), Families::Single(Family::V6)),
        (json!({"clusterIP": "None"}), Families::Unstated),
        (json!({"ipFamilies": ["IPv4"]}), Families::Single(Family::V4)),
        (json!({"type": "ExternalName", "externalName": "a", "ipFamilies": ["IPv4"]}), Families::Unstated),
    ] {
        assert_eq!(service(spec.clone()).families, want, "{spec}");
    }
}

#[test]
fn a_part_of_a_service_that_cannot_be_read_is_absent() {
    check_faults(
        Kind::Service,
        json!({"spec": {
            "clusterIPs": ["10.0.0.1", "x"], "selector": {"app": 5}, "trafficDistribution": "Novel",
            "ports": [{"port": 0}, {"port": 80, "targetPort": 65536}, {"port": 81, "appProtocol": 5}],
        }}),
        &[
            r#"spec.clusterIPs[1] Invalid: "x" is not an IP address; the address is not used"#,
            "spec.ports[0].port Invalid: 0 is not an integer from 1 to 65535; the port does not exist",
            "spec.ports[1].targetPort Invalid: 65536 is not an integer from 1 to 65535; the port does not exist",
            "spec.ports[2].appProtocol Invalid: 5 is not a string; the protocol is detected",
            "spec.selector Invalid: the value 5 of app is not a string; it selects nothing",
            r#"spec.trafficDistribution Invalid: "Novel" is none of PreferClose, PreferSameZone, PreferSameNode; all endpoints are alike"#,
        ],
    );
}

fn slice(rest: Value) -> (Slice, Vec<String>) {
    match say(Kind::EndpointSlice, rest) {
        (Fact::Slice(slice), faults) => (slice, faults),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn a_slice_lists_the_endpoints_of_a_service() {
    let (slice, faults) = slice(json!({
        "metadata": {"labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}, {"port": 9}, {"name": "all"}, {"name": "dns", "port": 53, "protocol": "UDP"}],
        "endpoints": [
            {"addresses": ["10.0.0.1", "10.0.0.2"], "nodeName": "n", "zone": "z", "targetRef": {"kind": "Pod", "name": "web-0"}},
            {"addresses": ["10.0.0.3"], "conditions": {"ready": false, "serving": true, "terminating": true}, "targetRef": {"kind": "VM", "name": "v"}},
            {"addresses": ["10.0.0.4"], "conditions": {"ready": false}},
        ],
    }));
    assert_eq!(faults, [""; 0]);
    assert_eq!(slice.service, Some(heddle_model::ServiceKey::new("shop", "web")));
    assert_eq!(slice.ports, [("http".into(), 8080), ("".into(), 9)]);
    let states: Vec<_> = slice
        .endpoints
        .iter()
        .map(|end| (end.address.to_string(), end.pod.as_deref(), end.ready, end.serving, end.terminating))
        .collect();
    assert_eq!(
        states,
        [
            ("10.0.0.1".into(), Some("web-0"), true, true, false),
            ("10.0.0.3".into(), None, false, true, true),
            ("10.0.0.4".into(), None, false, false, false),
        ]
    );
    assert_eq!(
        (slice.endpoints[0].node.as_deref(), slice.endpoints[0].zone.as_deref()),
        (Some("n"), Some("z"))
    );
}

#[test]
fn an_endpoint_that_cannot_be_read_is_not_used() {
    check_faults(
        Kind::EndpointSlice,
        json!({"addressType": "IPv6", "ports": [{"port": 0}], "endpoints": [{"addresses": ["x"]}, {"addresses": []}, {}, {"addresses": ["10.0.0.1"]}]}),
        &[
            "ports[0].port Invalid: 0 is not an integer from 1 to 65535; the port has no endpoints",
            r#"endpoints[0].addresses[0] Invalid: "x" is not an IP address; the endpoint is not used"#,
            "endpoints[1].addresses Invalid: must not be empty; the endpoint is not used",
            "endpoints[2].addresses Invalid: is required; the endpoint is not used",
            "endpoints[3].addresses[0] Invalid: 10.0.0.1 is not an IPv6 address, as addressType says; the endpoint is not used",
        ],
    );
    check_faults(
        Kind::EndpointSlice,
        json!({"addressType": "FQDN", "endpoints": [{"addresses": ["a.example"]}]}),
        &[
            r#"addressType UnsupportedValue: address type "FQDN" is not supported; the slice has no endpoints"#,
        ],
    );
}

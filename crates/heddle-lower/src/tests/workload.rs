#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]
use super::*;
use heddle_model::access::Posture;
use heddle_model::fact::{DataPlane, Protocol, Workload};
use heddle_model::{ServiceKey, Uses};

fn workload(kind: Kind, rest: Value) -> (Workload, Vec<String>) {
    match say(kind, rest) {
        (Fact::Workload(workload), faults) => (workload, faults),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn a_pod_is_a_workload() {
    let (pod, faults) = workload(
        Kind::Pod,
        json!({
            "metadata": {
                "labels": {"app": "web", "heddle.dev/plane": "envoy"},
                "annotations": {"heddle.dev/skip-inbound-ports": "22, 9090-9092"},
            },
            "spec": {
                "serviceAccountName": "web", "nodeName": "n1",
                "containers": [
                    {"ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 1}, {"name": "dns", "containerPort": 53, "protocol": "UDP"}]},
                    {"ports": [{"name": "http", "containerPort": 9}]},
                ],
                "initContainers": [
                    {"restartPolicy": "Always", "ports": [{"name": "grpc-web-side", "containerPort": 7}]},
                    {"ports": [{"name": "init", "containerPort": 6}]},
                ],
            },
            "status": {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]},
        }),
    );
    assert_eq!(faults, [""; 0]);
    assert_eq!(pod.identity.map(|id| id.to_string()).as_deref(), Some("shop/web"));
    assert_eq!(pod.plane, Some(DataPlane::Envoy));
    assert_eq!(pod.addresses, ["10.0.0.1", "fd00::1"].map(|ip| ip.parse::<std::net::IpAddr>().expect("ip")));
    let ports: Vec<_> =
        pod.ports.iter().map(|port| (port.name.as_deref().unwrap_or(""), port.port, port.named)).collect();
    assert_eq!(ports, [("http", 8080, Some(Protocol::Http)), ("grpc-web-side", 7, Some(Protocol::Http))]);
    assert_eq!(pod.skip_inbound_ports.into_iter().collect::<Vec<_>>(), [22, 9090, 9091, 9092]);
    assert_eq!((pod.node.as_deref(), pod.host_network, pod.ended), (Some("n1"), false, false));
}

#[test]
fn a_pod_serves_until_its_containers_have_ended() {
    let running = json!({"phase": "Running", "podIP": "10.0.0.1"});
    for (metadata, status, ended) in [
        (json!({}), running.clone(), false),
        (json!({}), json!({"phase": "Pending"}), false),
        (json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}), running, false),
        (json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}), json!({"phase": "Pending"}), true),
        (json!({}), json!({"phase": "Succeeded", "podIP": "10.0.0.1"}), true),
        (json!({}), json!({"phase": "Failed", "podIP": "10.0.0.1"}), true),
    ] {
        let (pod, _) = workload(Kind::Pod, json!({"metadata": metadata, "spec": {}, "status": status}));
        assert_eq!(pod.ended, ended, "{metadata} {status}");
        assert_eq!(pod.identity.map(|id| id.to_string()).as_deref(), Some("shop/default"));
    }
}

#[test]
fn a_part_of_a_pod_that_cannot_be_read_is_absent() {
    check_faults(
        Kind::Pod,
        json!({
            "metadata": {
                "labels": {"a": 1, "heddle.dev/plane": "nginx"},
                "annotations": {"heddle.dev/skip-inbound-ports": "22,ssh,0"},
            },
            "spec": {
                "serviceAccountName": "web.v1", "nodeName": 5,
                "containers": [{"ports": [{"name": "http", "containerPort": 70000}]}, {"ports": 5}],
            },
            "status": {"podIPs": [{"ip": "10.0.0.999"}]},
        }),
        &[
            r#"status.podIPs[0].ip Invalid: "10.0.0.999" is not an IP address; the address is not used"#,
            "metadata.labels Invalid: the value 1 of a is not a string; it has no labels",
            "spec UnsupportedValue: service account \"web.v1\" is not a DNS label (RFC 1123: at most 63 of a-z, 0-9 and '-', alphanumeric at both ends); the workload has no identity",
            r#"metadata.labels[heddle.dev/plane] Invalid: "nginx" is none of envoy, linkerd, none; it has no proxy"#,
            "spec.nodeName Invalid: 5 is not a string; it is taken as absent",
            "spec.containers[0].ports[0].containerPort Invalid: 70000 is not an integer from 1 to 65535; the port is not known",
            "spec.containers[1].ports Invalid: 5 is not a list; its ports are not known",
            r#"metadata.annotations[heddle.dev/skip-inbound-ports] Invalid: "ssh" is neither a port (9090) nor a range of ports (9000-9100); "ssh" is left out"#,
            r#"metadata.annotations[heddle.dev/skip-inbound-ports] Invalid: "0" is neither a port (9090) nor a range of ports (9000-9100); "0" is left out"#,
        ],
    );
}

#[test]
fn an_external_workload_is_a_workload() {
    let (external, faults) = workload(
        Kind::ExternalWorkload,
        json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "addresses": ["10.0.1.1", "fd00::1", "10.0.1.1"], "serviceAccount": "web", "zone": "a",
                "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "GRPC"}, {"port": 81}],
            },
        }),
    );
    assert_eq!(faults, [""; 0]);
    assert_eq!(external.addresses.len(), 2);
    assert_eq!(external.zone.as_deref(), Some("a"));
    let ports: Vec<_> = external.ports.iter().map(|port| (port.port, port.app_port, port.protocol)).collect();
    assert_eq!(ports, [(80, 8080, Some(heddle_model::fact::Protocol::Grpc)), (81, 81, None)]);
}

#[test]
fn a_part_of_an_external_workload_that_cannot_be_read_is_absent() {
    check_faults(
        Kind::ExternalWorkload,
        json!({"spec": {"addresses": ["web"], "ports": [{"port": 80}, {"port": 80}, {"port": 0}, {"port": 1, "protocol": "UDP"}]}}),
        &[
            "spec.serviceAccount Invalid: is required; the workload has no identity",
            r#"spec.addresses[0] Invalid: "web" is not an IP address; the address is not used"#,
            "spec.ports[1] Invalid: port 80 is there twice; the port is not used",
            "spec.ports[2].port Invalid: 0 is not an integer from 1 to 65535; the port is not used",
            r#"spec.ports[3].protocol Invalid: "UDP" is none of HTTP, HTTP2, GRPC, TCP, Opaque, Detect; the port is not used"#,
        ],
    );
}

#[test]
fn only_our_own_label_says_which_proxy_a_workload_has() {
    let planes = [
        (json!({}), None),
        (json!({"heddle.dev/plane": "envoy"}), Some(DataPlane::Envoy)),
        (json!({"heddle.dev/plane": "linkerd"}), Some(DataPlane::Linkerd)),
        (json!({"heddle.dev/plane": "none", "linkerd.io/control-plane-ns": "linkerd"}), None),
        (json!({"linkerd.io/control-plane-ns": "linkerd"}), None),
    ];
    for (labels, want) in planes {
        let (pod, _) = workload(Kind::Pod, json!({"metadata": {"labels": labels}, "spec": {}}));
        assert_eq!(pod.plane, want, "{labels}");
    }
}

#[test]
fn a_node_says_where_it_stands() {
    let labels = json!({"topology.kubernetes.io/region": "r", "topology.kubernetes.io/zone": "z"});
    let addresses = json!([
        {"type": "InternalIP", "address": "172.18.0.2"}, {"type": "Hostname", "address": "n1"},
        {"type": "ExternalIP", "address": "203.0.113.2"}, {"type": "InternalDNS", "address": "n1.example"},
    ]);
    let object = json!({"metadata": {"labels": labels}, "status": {"addresses": addresses}});
    let (Fact::Node(node), faults) = say(Kind::Node, object) else { panic!() };
    let addresses = node.addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(addresses, ["172.18.0.2", "203.0.113.2"]);
    assert_eq!((node.region.as_deref(), node.zone.as_deref(), faults.len()), (Some("r"), Some("z"), 0));
}

#[test]
fn a_posture_that_cannot_be_read_is_deny() {
    for (written, posture) in [
        (json!(null), None),
        (json!("Allow"), Some(Posture::Allow)),
        (json!("Authenticated"), Some(Posture::Authenticated)),
        (json!("deny"), Some(Posture::Deny)),
    ] {
        let annotations = json!({"heddle.dev/default-posture": written});
        let (fact, _) = say(Kind::Namespace, json!({"metadata": {"annotations": annotations}}));
        assert_eq!(
            fact,
            Fact::Namespace(heddle_model::fact::Namespace { posture, uses: None, config: None }),
            "{written}"
        );
    }
    check_faults(
        Kind::Namespace,
        json!({"metadata": {"annotations": {"heddle.dev/default-posture": "deny"}}}),
        &[
            r#"metadata.annotations[heddle.dev/default-posture] Invalid: "deny" is none of Allow, Authenticated, Deny; the namespace has posture Deny"#,
        ],
    );
}

#[test]
fn no_proxy_skips_the_ports_at_which_it_captures_traffic() {
    for (plane, skipped, fault) in [
        (
            json!("envoy"),
            vec![4143, 15090],
            Some("15006 is the proxy's own port, at which it captures traffic"),
        ),
        (
            json!("linkerd"),
            vec![15006, 15090],
            Some("4143 is the proxy's own port, at which it captures traffic"),
        ),
        (json!(null), vec![4143, 15006, 15090], None),
    ] {
        let metadata = json!({
            "labels": {"heddle.dev/plane": plane},
            "annotations": {"heddle.dev/skip-inbound-ports": "4143, 15006, 15090"},
        });
        let (pod, faults) = workload(Kind::Pod, json!({"metadata": metadata, "spec": {}}));
        assert_eq!(pod.skip_inbound_ports.into_iter().collect::<Vec<u16>>(), skipped, "{plane}");
        let want = fault.map(|fault| {
            format!("metadata.annotations[heddle.dev/skip-inbound-ports] Invalid: {fault}; it is not skipped")
        });
        assert_eq!(faults, Vec::from_iter(want), "{plane}");
    }
}

#[test]
fn a_loopback_address_leads_nowhere_but_in_a_folder() {
    let service = json!({
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"clusterIP": "127.0.0.1", "ports": [{"port": 15000}]},
    });
    let slice = json!({
        "metadata": {"name": "web", "namespace": "shop"}, "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"]}, {"addresses": ["169.254.169.254"]}, {"addresses": ["10.0.0.1"]}],
    });
    let found = |loopback| {
        let addresses = [(Kind::Service, &service), (Kind::EndpointSlice, &slice)].map(|(kind, object)| {
            match crate::lower_from(loopback, kind, object).fact {
                Fact::Service(service) => match service.form {
                    heddle_model::fact::ServiceForm::Virtual(addresses) => addresses,
                    other => panic!("{other:?}"),
                },
                Fact::Slice(slice) => slice.endpoints.iter().map(|item| item.address).collect(),
                other => panic!("{other:?}"),
            }
        });
        addresses.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(found(crate::Loopback::Refused), ["", "10.0.0.1"]);
    assert_eq!(found(crate::Loopback::Granted), ["127.0.0.1", "127.0.0.1 10.0.0.1"]);
}

#[test]
fn a_workload_says_what_it_uses() {
    let uses = |text: &str| {
        let annotations = json!({"heddle.dev/uses": text});
        let (pod, faults) = workload(
            Kind::Pod,
            json!({"metadata": {"annotations": annotations}, "spec": {"containers": []}}),
        );
        (pod.uses, faults.len())
    };
    let services = |keys: &[(&str, &str)]| {
        Some(Uses::Services(
            keys.iter().map(|(namespace, name)| ServiceKey::new(*namespace, *name)).collect(),
        ))
    };
    assert_eq!(uses("shop/cart, bank/vault,"), (services(&[("shop", "cart"), ("bank", "vault")]), 0));
    assert_eq!(uses("shop/cart, *"), (Some(Uses::All), 0));
    assert_eq!(uses(""), (services(&[]), 0));
    assert_eq!(uses("cart, shop/cart, Shop/cart, shop/"), (services(&[("shop", "cart")]), 3));
    let many: Vec<String> = (0..300).map(|number| format!("shop/s{number}")).collect();
    let (kept, faults) = uses(&many.join(","));
    let Some(Uses::Services(kept)) = kept else { panic!("{kept:?}") };
    assert_eq!((kept.len(), faults), (256, 1));
}

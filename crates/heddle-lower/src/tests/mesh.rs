use super::*;
use heddle_model::access::Posture;
use heddle_model::fact::{AccessLog, Egress, InboundPolicy, Mesh, Mtls, Scope};
use std::time::Duration;

fn mesh(spec: Value) -> (Mesh, Vec<String>) {
    match say(Kind::Mesh, json!({"spec": spec})) {
        (Fact::Mesh(mesh), faults) => (mesh, faults),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn a_mesh_says_what_holds_everywhere() {
    let (got, faults) = mesh(json!({
        "trustDomain": "td.example", "networks": ["10.1.2.3/8", "fd00::/8"], "defaultPosture": "Authenticated",
        "scope": "All", "egress": "Deny", "accessLog": "Errors", "connectTimeout": "250ms",
        "addressGrants": [{"namespace": "ops", "cidrs": ["192.0.2.7/24", "2001:db8::/32"]}],
    }));
    assert_eq!(faults, [""; 0]);
    let want = Mesh {
        trust_domain: "td.example".into(),
        identity_suffix: "heddle.td.example".into(),
        networks: ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().expect("net")).into(),
        address_grants: [(
            "ops".into(),
            ["192.0.2.0/24", "2001:db8::/32"].map(|net| net.parse().expect("net")).into(),
        )]
        .into(),
        posture: Posture::Authenticated,
        scope: Scope::All,
        egress: Egress::Deny,
        access_log: AccessLog::Errors,
        connect_timeout: Duration::from_millis(250),
    };
    assert_eq!(got, want);
    let (bare, _) = mesh(json!({"trustDomain": "cluster.local"}));
    assert_eq!(bare, Mesh::default());
    let (suffix, _) = mesh(json!({"trustDomain": "td", "identitySuffix": "linkerd.td"}));
    assert_eq!(&*suffix.identity_suffix, "linkerd.td");
}

#[test]
fn a_suffix_leaves_room_for_the_longest_names() {
    let suffix = |length: usize| format!("{}.td", "s".repeat(length - 3));
    let (longest, _) = mesh(json!({"trustDomain": "td", "identitySuffix": suffix(101)}));
    let identity = heddle_model::Identity::new("n".repeat(63), "a".repeat(63)).expect("names");
    assert_eq!(identity.dns(&longest.identity_suffix).len(), 253);
    let (fact, _) = say(Kind::Mesh, json!({"spec": {"trustDomain": "td", "identitySuffix": suffix(102)}}));
    let Fact::Invalid(invalid) = fact else { panic!("{fact:?}") };
    assert!(invalid.message.contains("spec.identitySuffix"), "{}", invalid.message);
    let (fact, _) = say(Kind::Mesh, json!({"spec": {"trustDomain": suffix(95)}}));
    assert!(matches!(fact, Fact::Invalid(_)), "{fact:?}");
}

#[test]
fn a_part_of_a_mesh_that_cannot_be_read_is_strict() {
    let (got, faults) = mesh(json!({
        "trustDomain": "td", "networks": ["x", "10.0.0.0/8"], "defaultPosture": "Open", "egress": 5,
        "accessLog": "Some", "connectTimeout": "2m",
        "addressGrants": [{"namespace": "", "cidrs": ["10.0.0.0/8"]}, {"namespace": "ops", "cidrs": ["all", "10.0.0.0/8"]}],
    }));
    assert_eq!((got.posture, got.egress, got.access_log), (Posture::Deny, Egress::Deny, AccessLog::Off));
    assert_eq!((got.networks.len(), got.connect_timeout), (1, Duration::from_secs(5)));
    assert_eq!(
        got.address_grants.into_iter().collect::<Vec<_>>(),
        [("ops".into(), vec!["10.0.0.0/8".parse().expect("net")])]
    );
    assert_eq!(
        faults,
        [
            r#"spec.networks[0] Invalid: "x" is not a network in CIDR notation; it is not used"#,
            "spec.addressGrants[0].namespace Invalid: must not be empty; nothing is granted by it",
            r#"spec.addressGrants[1].cidrs[0] Invalid: "all" is not a network in CIDR notation; it is not used"#,
            r#"spec.defaultPosture Invalid: "Open" is none of Allow, Authenticated, Deny; it is Deny"#,
            "spec.egress Invalid: 5 is not a string; it is Deny",
            r#"spec.accessLog Invalid: "Some" is none of Off, Errors, All; it is Off"#,
            r#"spec.connectTimeout Invalid: "2m" is not above 0s and at most 1m; it is 5s"#,
        ]
    );
}

#[test]
fn a_mesh_without_a_trust_domain_or_of_another_name_is_none() {
    let object = |name: &str, spec: Value| json!({"metadata": {"name": name}, "spec": spec});
    check_invalid(Kind::Mesh, object("default", json!({})), "spec.trustDomain: is required");
    check_invalid(
        Kind::Mesh,
        object("default", json!({"trustDomain": "A"})),
        r#"spec.trustDomain: "A" is not a DNS name in lower case"#,
    );
    check_invalid(
        Kind::Mesh,
        object("other", json!({"trustDomain": "td"})),
        r#"metadata.name: "other" is not "default", as the only Mesh is named"#,
    );
}

fn inbound(spec: Value) -> (InboundPolicy, Vec<String>) {
    match say(Kind::InboundPolicy, json!({"spec": spec})) {
        (Fact::InboundPolicy(policy), faults) => (policy, faults),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn an_inbound_policy_says_what_ports_speak_and_demand() {
    let (policy, faults) = inbound(
        json!({"selector": {"matchLabels": {"app": "web"}}, "ports": [80, 81], "protocol": "GRPC", "mtls": "Disabled"}),
    );
    assert_eq!(faults, [""; 0]);
    assert_eq!(policy.selector.get("app").map(|value| &**value), Some("web"));
    assert_eq!(policy.ports.into_iter().collect::<Vec<_>>(), [80, 81]);
    assert_eq!(
        (policy.protocol, policy.mtls),
        (Some(heddle_model::fact::Protocol::Grpc), Some(Mtls::Disabled))
    );
}

#[test]
fn an_inbound_policy_that_cannot_be_read_demands_more_and_never_less() {
    for (spec, mtls, fault) in [
        (
            json!({"mtls": "strict", "ports": [80]}),
            Some(Mtls::Strict),
            r#"spec.mtls Invalid: "strict" is none of Strict, Permissive, Disabled; it is Strict"#,
        ),
        (
            json!({"mtls": "Strict", "selector": {"matchExpressions": []}}),
            Some(Mtls::Strict),
            "spec.selector.matchExpressions Invalid: is not a field, only matchLabels are; the whole namespace is Strict",
        ),
        (
            json!({"mtls": "Disabled", "protocol": "HTTP", "ports": [80, "http"]}),
            None,
            r#"spec.ports[1] Invalid: "http" is not an integer from 1 to 65535; the policy does nothing, since it would weaken the whole namespace"#,
        ),
        (
            json!({"mtls": "Strict", "ports": []}),
            Some(Mtls::Strict),
            "spec.ports Invalid: must not be empty; the whole namespace is Strict",
        ),
        (json!({}), None, "spec Invalid: protocol or mtls must be set; the policy does nothing"),
    ] {
        let (policy, faults) = inbound(spec.clone());
        assert_eq!(faults, [fault], "{spec}");
        assert_eq!((policy.mtls, policy.protocol), (mtls, None), "{spec}");
        assert!(policy.ports.is_empty() || spec["ports"] == json!([80]));
    }
}

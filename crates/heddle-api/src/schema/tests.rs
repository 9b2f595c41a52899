use super::*;
use crate::{GROUP, rule};
use serde_json::json;

/// Checks `spec` against what is wrong with it, as `FIELD: MESSAGE`.
#[track_caller]
fn check(kind: &str, spec: Value, want: &[&str]) {
    let name = if kind == "Mesh" { "default" } else { "x" };
    let object =
        json!({"apiVersion": "heddle.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    check_object(kind, object, want);
}

#[track_caller]
fn check_object(kind: &str, object: Value, want: &[&str]) {
    let mut got: Vec<String> = Schemas::new()
        .check(kind, &object)
        .into_iter()
        .map(|problem| format!("{}: {}", problem.field, problem.message))
        .collect();
    let mut want = want.to_vec();
    got.sort();
    want.sort();
    assert_eq!(got, want, "{object}");
}

#[test]
fn a_policy_cannot_name_a_port_of_the_proxy_itself() {
    let message = "spec.ports: ports of the proxy itself (4140, 4143, 4190, 4191, 15000, 15001, 15006, 15020, 15090) cannot be named";
    for port in [4140, 4143, 4190, 4191, 15000, 15001, 15006, 15020, 15090] {
        check("InboundPolicy", json!({"ports": [80, port], "mtls": "Strict"}), &[message]);
        check("AccessPolicy", json!({"ports": [port]}), &[message]);
    }
    check("InboundPolicy", json!({"ports": [15002, 15005, 4142], "mtls": "Strict"}), &[]);
}

#[test]
fn a_full_object_of_each_kind_is_taken() {
    check(
        "Mesh",
        json!({
            "trustDomain": "cluster.local", "identitySuffix": "linkerd.cluster.local",
            "networks": ["10.0.0.0/8", "fd00::/8"], "defaultPosture": "Authenticated", "egress": "Deny",
            "accessLog": "Errors", "connectTimeout": "1m",
        }),
        &[],
    );
    check(
        "InboundPolicy",
        json!({"selector": {"matchLabels": {"app": "web"}}, "ports": [1, 65535], "protocol": "GRPC", "mtls": "Strict"}),
        &[],
    );
    let rule = json!({
        "from": [{
            "identities": ["*", "spiffe://td/ns/a/sa/b"], "serviceAccounts": [{"name": "web"}, {"namespace": "b", "name": "c"}],
            "namespaces": ["shop"], "networks": [{"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}],
        }],
        "requests": [{
            "methods": ["GET"], "paths": [{"value": "/a"}, {"type": "Exact", "value": "/"}],
            "headers": [{"name": "x", "type": "Present"}, {"name": "y", "value": "1"}],
        }],
    });
    check(
        "AccessPolicy",
        json!({"selector": {"matchLabels": {"a": ""}}, "ports": [80], "action": "Deny", "mode": "Audit", "rules": [rule]}),
        &[],
    );
    let route = json!({"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"});
    let service = json!({"kind": "Service", "name": "web", "sectionName": "http"});
    check("AccessPolicy", json!({"targetRefs": [route, service]}), &[]);
    check("AccessPolicy", json!({}), &[]);
    let ports = json!([{"name": "http", "port": 80, "targetPort": 8080, "protocol": "HTTP"}, {"port": 81}]);
    check(
        "ExternalWorkload",
        json!({"addresses": ["127.0.1.1", "::1"], "serviceAccount": "web", "zone": "a", "ports": ports}),
        &[],
    );
}

#[test]
fn every_field_of_a_mesh_says_what_is_wrong_with_it() {
    check("Mesh", json!({}), &["spec.trustDomain: is required"]);
    check("Mesh", json!("x"), &[r#"spec: "x" is not an object"#]);
    let dns = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
    for (field, value, want) in [
        ("trustDomain", json!("Cluster.Local"), format!(r#""Cluster.Local" does not match {dns}"#)),
        ("trustDomain", json!(5), "5 is not a string".into()),
        ("trustDomain", json!(""), "has 0 characters, at least 1 is needed".into()),
        ("trustDomain", json!("a".repeat(254)), "has 254 characters, at most 253 are allowed".into()),
        ("identitySuffix", json!("a..b"), format!(r#""a..b" does not match {dns}"#)),
        ("networks", json!("10.0.0.0/8"), r#""10.0.0.0/8" is not a list"#.into()),
        ("networks", json!(vec!["10.0.0.0/8"; 65]), "has 65 items, at most 64 are allowed".into()),
        ("defaultPosture", json!("Open"), r#""Open" is none of Allow, Authenticated, Deny"#.into()),
        ("egress", json!("Authenticated"), r#""Authenticated" is none of Allow, Deny"#.into()),
        ("accessLog", json!(true), "true is not a string".into()),
        ("connectTimeout", json!("61s"), "must be above 0s and at most 1m".into()),
        ("connectTimeout", json!("0s"), "must be above 0s and at most 1m".into()),
        ("connectTimeout", json!("5"), r#""5" does not match ^([0-9]{1,5}(h|m|s|ms)){1,4}$"#.into()),
        ("trustdomain", json!("x"), "is not a field".into()),
    ] {
        let mut spec = json!({"trustDomain": "td", "identitySuffix": "td"});
        spec[field] = value;
        check("Mesh", spec, &[&format!("spec.{field}: {want}")]);
    }
    check(
        "Mesh",
        json!({"trustDomain": "td", "networks": ["10.0.0.0/33"]}),
        &[r#"spec.networks[0]: "10.0.0.0/33" is not a network in CIDR notation"#],
    );
}

#[test]
fn the_mesh_is_named_default() {
    let object = json!({"metadata": {"name": "other"}, "spec": {"trustDomain": "td"}, "extra": 1});
    check_object("Mesh", object, &[r#": the only Mesh is named "default""#, "extra: is not a field"]);
    check_object("Mesh", json!({"metadata": {"name": "default"}}), &["spec: is required"]);
}

#[test]
fn every_field_of_an_inbound_policy_says_what_is_wrong_with_it() {
    check("InboundPolicy", json!({}), &["spec: protocol or mtls must be set"]);
    check("InboundPolicy", json!({"mtls": null}), &["spec: protocol or mtls must be set"]);
    check(
        "InboundPolicy",
        json!({"mtls": "strict", "protocol": "UDP", "ports": [0, 70000, "http"], "selector": {"app": "x"}}),
        &[
            r#"spec.mtls: "strict" is none of Strict, Permissive, Disabled"#,
            "spec.ports[0]: 0 is not between 1 and 65535",
            "spec.ports[1]: 70000 is not between 1 and 65535",
            r#"spec.ports[2]: "http" is not an integer"#,
            r#"spec.protocol: "UDP" is none of HTTP, HTTP2, GRPC, TCP, Opaque, Detect"#,
            "spec.selector.app: is not a field",
            "spec.selector: matchLabels must name a label; without selector every workload is meant",
        ],
    );
    let nothing = "spec.selector: matchLabels must name a label; without selector every workload is meant";
    for selector in [json!({}), json!({"matchLabels": {}})] {
        check("InboundPolicy", json!({"mtls": "Strict", "selector": selector}), &[nothing]);
    }
    let long = "a".repeat(64);
    check(
        "InboundPolicy",
        json!({"mtls": "Strict", "ports": [], "selector": {"matchLabels": {"app": long}}}),
        &[
            "spec.ports: has 0 items, at least 1 is needed",
            "spec.selector.matchLabels.app: has 64 characters, at most 63 are allowed",
        ],
    );
}

#[test]
fn every_field_of_an_access_policy_says_what_is_wrong_with_it() {
    check("AccessPolicy", json!({"action": "Deny"}), &["spec: a Deny needs at least one rule"]);
    check("AccessPolicy", json!({"action": "Deny", "rules": []}), &["spec: a Deny needs at least one rule"]);
    let nothing = "spec.rules[0]: one of from and requests must be set";
    check("AccessPolicy", json!({"rules": [{}]}), &[nothing]);
    check("AccessPolicy", json!({"rules": [{"from": null}], "action": "Deny"}), &[nothing]);
    let service = json!({"kind": "Service", "name": "web"});
    check(
        "AccessPolicy",
        json!({"targetRefs": [service], "ports": [80]}),
        &["spec: targetRefs excludes selector and ports"],
    );
    check(
        "AccessPolicy",
        json!({"targetRefs": [service], "selector": {"matchLabels": {"a": "b"}}}),
        &["spec: targetRefs excludes selector and ports"],
    );
    check(
        "AccessPolicy",
        json!({"mode": "Shadow", "targetRefs": [
            {"kind": "Gateway", "name": "x"},
            {"kind": "HTTPRoute", "name": "x", "sectionName": "y"},
            {"group": "core", "kind": "Service", "name": "x"},
            {"kind": "Service"},
        ]}),
        &[
            r#"spec.mode: "Shadow" is none of Enforce, Audit"#,
            r#"spec.targetRefs[0].kind: "Gateway" is none of Service, HTTPRoute"#,
            r#"spec.targetRefs[0]: group and kind must be "" and Service, or gateway.networking.k8s.io and HTTPRoute"#,
            r#"spec.targetRefs[1]: group and kind must be "" and Service, or gateway.networking.k8s.io and HTTPRoute"#,
            "spec.targetRefs[1]: sectionName names a port of a Service",
            r#"spec.targetRefs[2]: group and kind must be "" and Service, or gateway.networking.k8s.io and HTTPRoute"#,
            "spec.targetRefs[3].name: is required",
        ],
    );
}

#[test]
fn every_part_of_a_rule_says_what_is_wrong_with_it() {
    let rule = json!({
        "from": [{}, {
            "identities": ["web", "spiffe://td/*"], "serviceAccounts": [{"name": "a.b"}], "namespaces": ["A"],
            "networks": [{"cidr": "10.0.0.0"}, {"cidr": "10.0.0.0/8", "except": ["x"]}],
        }],
        "requests": [{}, {
            "methods": ["get"],
            "paths": [{"value": "a"}, {"type": "Regex", "value": "/a"}, {"value": "/a?b"}, {"value": "/a/*"}, {"value": "/%zz"}],
            "headers": [{"name": "a b", "value": "1"}, {"name": "x", "type": "Present", "value": "1"}, {"name": "y"}],
        }],
    });
    let label = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
    let path = |place: usize, value: &str| {
        let form = r"^/([^%*?#\s]|%[1-9A-Fa-f][0-9A-Fa-f]|%0[1-9A-Fa-f])*$";
        format!("spec.rules[0].requests[1].paths[{place}].value: {value:?} does not match {form}")
    };
    let spiffe = r"^(\*|spiffe://[^/*\s]+(/[^/*\s]+)+)$";
    check(
        "AccessPolicy",
        json!({"rules": [rule]}),
        &[
            "spec.rules[0].from[0]: one of identities, serviceAccounts, namespaces and networks must be set",
            &format!(r#"spec.rules[0].from[1].identities[0]: "web" does not match {spiffe}"#),
            &format!(r#"spec.rules[0].from[1].identities[1]: "spiffe://td/*" does not match {spiffe}"#),
            &format!(r#"spec.rules[0].from[1].namespaces[0]: "A" does not match {label}"#),
            r#"spec.rules[0].from[1].networks[0].cidr: "10.0.0.0" is not a network in CIDR notation"#,
            r#"spec.rules[0].from[1].networks[1].except[0]: "x" is not a network in CIDR notation"#,
            &format!(r#"spec.rules[0].from[1].serviceAccounts[0].name: "a.b" does not match {label}"#),
            "spec.rules[0].requests[0]: one of methods, paths and headers must be set",
            r#"spec.rules[0].requests[1].headers[0].name: "a b" does not match ^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$"#,
            "spec.rules[0].requests[1].headers[1]: value must be set for Exact and Prefix, and only for them",
            "spec.rules[0].requests[1].headers[2]: value must be set for Exact and Prefix, and only for them",
            r#"spec.rules[0].requests[1].methods[0]: "get" does not match ^[A-Z]+$"#,
            &path(0, "a"),
            r#"spec.rules[0].requests[1].paths[1].type: "Regex" is none of Exact, PathPrefix"#,
            &path(2, "/a?b"),
            &path(3, "/a/*"),
            "spec.rules[0].requests[1].paths[3]: * stands for nothing in paths: use type PathPrefix with the path before /*",
            &path(4, "/%zz"),
        ],
    );
}

#[test]
fn every_field_of_an_external_workload_says_what_is_wrong_with_it() {
    check(
        "ExternalWorkload",
        json!({}),
        &["spec.addresses: is required", "spec.serviceAccount: is required"],
    );
    check(
        "ExternalWorkload",
        json!({"addresses": ["web.example", "10.0.0.1", "127.0.1.1", "169.254.0.1", "ff02::1", "0.0.0.0"], "serviceAccount": "", "zone": "", "ports": [{"port": 80, "targetPort": 0}, {"port": 80}]}),
        &[
            "spec.addresses[0]: must be an IPv4 or IPv6 address",
            "spec.addresses[3]: must not be a loopback, link-local, multicast or unspecified address",
            "spec.addresses[4]: must not be a loopback, link-local, multicast or unspecified address",
            "spec.addresses[5]: must not be a loopback, link-local, multicast or unspecified address",
            "spec.ports[0].targetPort: 0 is not between 1 and 65535",
            "spec.ports[1].port: 80 is there twice",
            r#"spec.serviceAccount: "" does not match ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"#,
            "spec.zone: has 0 characters, at least 1 is needed",
        ],
    );
}

/// Calls `see` for every schema of every kind.
fn walk(schema: &JSONSchemaProps, see: &mut impl FnMut(&JSONSchemaProps)) {
    see(schema);
    schema.properties.iter().flat_map(BTreeMap::values).for_each(|schema| walk(schema, see));
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        walk(items, see);
    }
}

/// The schemas of all kinds, of the Gateway API too.
fn all() -> impl Iterator<Item = JSONSchemaProps> {
    let gateway = crate::gateway::DEFINITIONS.iter().map(|text| serde_saphyr::from_str(text).unwrap());
    let schemas = [Schemas::new(), Schemas::from_definitions(gateway)];
    schemas.into_iter().flat_map(|schemas| schemas.kinds.into_values()).map(|(schema, _)| schema)
}

#[test]
fn every_rule_of_every_kind_is_evaluated_here() {
    let mut rules = 0;
    for schema in all() {
        walk(&schema, &mut |schema| {
            for cel in schema.x_kubernetes_validations.iter().flatten() {
                let program = kube_cel::cel::Program::compile(rule::in_a_folder(&cel.rule));
                assert!(program.is_ok(), "{}", cel.rule);
                rules += 1;
            }
        });
    }
    assert!(rules > 100, "{rules}");
}

#[test]
fn every_rule_of_ours_has_a_message() {
    for (schema, _) in Schemas::new().kinds.values() {
        walk(schema, &mut |schema| {
            for cel in schema.x_kubernetes_validations.iter().flatten() {
                assert!(cel.message.is_some(), "{}", cel.rule);
            }
        });
    }
}

/// The API server refuses a CRD whose rules may cost too much; what bounds the cost is that lists are bounded.
#[test]
fn every_list_is_bounded() {
    for (schema, _) in Schemas::new().kinds.values() {
        walk(schema, &mut |schema| {
            let list = schema.type_.as_deref() == Some("array");
            assert!(!list || schema.max_items.is_some(), "{:?}", schema.description);
            assert_eq!(schema.nullable, None);
        });
    }
}

#[test]
fn every_kind_is_found_under_heddle() {
    let names = crds().into_iter().map(|crd| {
        assert_eq!(crd.spec.group, GROUP);
        let names = crd.spec.names;
        assert_eq!(names.categories, Some(vec!["heddle".into()]));
        format!("{} {}", names.kind, names.short_names.unwrap_or_default().join(","))
    });
    let want = ["AccessPolicy hap", "ExternalWorkload hew", "InboundPolicy hip", "Mesh hmesh"];
    assert_eq!(names.collect::<Vec<_>>(), want);
}

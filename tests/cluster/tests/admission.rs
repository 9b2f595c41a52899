//! Refusals of the API server by Heddle's definitions.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

#[path = "admission/mutate.rs"]
mod mutate;

use heddle_cluster_tests::{Cluster, GATEWAY_CRD, apply_crd, apply_crds, crd, create, dynamic, namespace};
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

/// One object of each kind that sets every field.
fn examples() -> Vec<(&'static str, &'static str, Value)> {
    let rule = json!({
        "from": [{
            "identities": ["spiffe://td/ns/a/sa/b", "*"],
            "serviceAccounts": [{"namespace": "a", "name": "b"}],
            "namespaces": ["a"],
            "networks": [{"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}],
        }],
        "requests": [{
            "methods": ["GET"],
            "paths": [{"type": "Exact", "value": "/a"}],
            "headers": [{"name": "a", "type": "Prefix", "value": "b"}],
        }],
    });
    let port = json!({"name": "http", "port": 8080, "targetPort": 80, "protocol": "HTTP"});
    let selector = json!({"matchLabels": {"app": "a"}});
    vec![
        (
            "AccessPolicy",
            "accesspolicies",
            json!({
                "selector": selector, "ports": [80], "action": "Allow", "mode": "Audit", "rules": [rule],
            }),
        ),
        (
            "AccessPolicy",
            "accesspolicies",
            json!({
                "targetRefs": [{"group": "", "kind": "Service", "name": "a", "sectionName": "http"}],
            }),
        ),
        (
            "InboundPolicy",
            "inboundpolicies",
            json!({
                "selector": selector, "ports": [80], "protocol": "HTTP", "mtls": "Strict",
            }),
        ),
        (
            "ExternalWorkload",
            "externalworkloads",
            json!({
                "addresses": ["10.0.0.1"], "serviceAccount": "a", "zone": "z", "ports": [port],
            }),
        ),
        (
            "Mesh",
            "meshes",
            json!({
                "trustDomain": "td", "identitySuffix": "heddle.td", "networks": ["10.0.0.0/8"],
                "addressGrants": [{"namespace": "a", "cidrs": ["10.0.0.0/8"]}], "defaultPosture": "Deny", "egress": "Deny", "accessLog": "All", "connectTimeout": "1s",
            }),
        ),
    ]
}

fn objects(client: &Client, kind: &str, plural: &str) -> Api<DynamicObject> {
    dynamic(client, "heddle.dev/v1alpha1", kind, plural, if kind == "Mesh" { "" } else { "shop" })
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "heddle.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// Returns what a folder says of an object, for which no API server checks it; empty if it takes it.
fn in_folder(kind: &str, name: &str, spec: &Value) -> String {
    let mut object = object(kind, name, spec);
    if kind != "Mesh" {
        object["metadata"]["namespace"] = "shop".into();
    }
    let errors = heddle_dir::parse(&[("a.json".into(), object.to_string())]).err().unwrap_or_default();
    errors.iter().map(|error| format!("{}: {}\n", error.field, error.message)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_out_of_range_is_refused_by_its_name() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    apply_crds(&client).await;
    namespace(&client, "shop").await;
    let (mut tried, mut wrong) = (0, Vec::new());
    for (kind, plural, spec) in examples() {
        let api = objects(&client, kind, plural);
        create(&api, object(kind, "default", &spec)).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        api.delete("default", &DeleteParams::default()).await.unwrap();
        for (path, broken) in mutate::mutations(kind, &spec) {
            tried += 1;
            let folder = in_folder(kind, "default", &broken);
            if !folder.contains(&path) {
                wrong.push(format!("{kind} {path}: a folder does not name the field: {folder:?}"));
            }
            match create(&api, object(kind, "default", &broken)).await {
                Err(error) if error.contains(&path) => {}
                Err(error) => wrong.push(format!("{kind} {path}: does not name the field: {error}")),
                Ok(object) => {
                    wrong.push(format!("{kind} {path}: taken: {}", object.data["spec"]));
                    api.delete("default", &DeleteParams::default()).await.unwrap();
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 120, "only {tried} ways to break an object were found");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_contradict_each_other_are_refused_with_the_reason() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    apply_crds(&client).await;
    namespace(&client, "shop").await;
    let access = |spec| ("AccessPolicy", "accesspolicies", "a", spec);
    let peer = |peer: Value| access(json!({"rules": [{"from": [peer]}]}));
    let request = |request: Value| access(json!({"rules": [{"requests": [request]}]}));
    let target = |target: Value| access(json!({"targetRefs": [target]}));
    let mesh = |name, spec| ("Mesh", "meshes", name, spec);
    let group = "group and kind must be \"\" and Service, or gateway.networking.k8s.io and HTTPRoute";
    let header = "value must be set for Exact and Prefix, and only for them";
    let cases = [
        (
            access(json!({"targetRefs": [{"kind": "Service", "name": "a"}], "ports": [80]})),
            "targetRefs excludes selector and ports",
        ),
        (
            access(json!({"targetRefs": [{"kind": "Service", "name": "a"}], "selector": {}})),
            "targetRefs excludes selector and ports",
        ),
        (access(json!({"action": "Deny"})), "a Deny needs at least one rule"),
        (target(json!({"group": "apps", "kind": "Service", "name": "a"})), group),
        (target(json!({"kind": "HTTPRoute", "name": "a"})), group),
        (
            target(
                json!({"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "a", "sectionName": "b"}),
            ),
            "sectionName names a port of a Service",
        ),
        (peer(json!({})), "one of identities, serviceAccounts, namespaces and networks must be set"),
        (request(json!({})), "one of methods, paths and headers must be set"),
        (request(json!({"headers": [{"name": "a"}]})), header),
        (request(json!({"headers": [{"name": "a", "type": "Present", "value": "b"}]})), header),
        (("InboundPolicy", "inboundpolicies", "a", json!({"ports": [80]})), "protocol or mtls must be set"),
        (
            (
                "ExternalWorkload",
                "externalworkloads",
                "a",
                json!({"addresses": ["web"], "serviceAccount": "a"}),
            ),
            "must be an IPv4 or IPv6 address",
        ),
        (mesh("other", json!({"trustDomain": "td"})), "the only Mesh is named \"default\""),
        (
            mesh("default", json!({"trustDomain": "td", "connectTimeout": "0s"})),
            "must be above 0s and at most 1m",
        ),
        (
            mesh("default", json!({"trustDomain": "td", "connectTimeout": "2m"})),
            "must be above 0s and at most 1m",
        ),
        (mesh("default", json!({"trustDomain": "t".repeat(95)})), "needs an identitySuffix, of at most 101"),
        (
            mesh("default", json!({"trustDomain": "td", "networks": ["10.0.0.0/8", "169.254.0.0/16"]})),
            "loopback and link-local networks are no networks of a cluster",
        ),
        (
            mesh(
                "default",
                json!({"trustDomain": "td", "addressGrants": [{"namespace": "a", "cidrs": ["fe80::/64"]}]}),
            ),
            "loopback and link-local networks cannot be granted",
        ),
    ];
    for ((kind, plural, name, spec), want) in cases {
        let answer = create(&objects(&client, kind, plural), object(kind, name, &spec)).await;
        let error = answer.map(|_| format!("{spec} was taken")).unwrap_or_else(|error| error);
        assert!(error.contains(want), "{kind} {spec}: {error}, want {want}");
        let error = in_folder(kind, name, &spec);
        assert!(error.contains(want), "in a folder: {kind} {spec}: {error}, want {want}");
    }

    let meshes = objects(&client, "Mesh", "meshes");
    let loopback = json!({"trustDomain": "td", "networks": ["127.1.0.0/16"]});
    let error = create(&meshes, object("Mesh", "default", &loopback)).await.unwrap_err();
    assert!(error.contains("loopback and link-local"), "{error}");
    assert_eq!(in_folder("Mesh", "default", &loopback), "", "the network of a folder is the loopback");
    create(&meshes, object("Mesh", "default", &json!({"trustDomain": "td"}))).await.unwrap();
    let patch = Patch::Merge(json!({"spec": {"trustDomain": "other"}}));
    let error = meshes.patch("default", &PatchParams::default(), &patch).await.unwrap_err();
    assert!(error.to_string().contains("trustDomain cannot be changed"), "{error}");
}

/// Routes that the rules of the Gateway API refuse: the field, and the part of a route.
fn broken_routes() -> Vec<(&'static str, Value)> {
    let rule = |rule: Value| json!({"rules": [rule]});
    let path = |value: &str| rule(json!({"matches": [{"path": {"type": "PathPrefix", "value": value}}]}));
    let filters = |filters: Value| rule(json!({"filters": filters}));
    vec![
        ("spec.rules[0].matches[0].path", path("/a//b")),
        ("spec.rules[0].matches[0].path", path("/a/../b")),
        ("spec.rules[0].backendRefs[0]", rule(json!({"backendRefs": [{"name": "web"}]}))),
        ("spec.rules[0].filters[0]", filters(json!([{"type": "URLRewrite"}]))),
        (
            "spec.rules[0].filters",
            filters(json!([
                {"type": "URLRewrite", "urlRewrite": {"hostname": "a.example"}},
                {"type": "RequestRedirect", "requestRedirect": {"hostname": "a.example"}},
            ])),
        ),
        ("spec.rules[0].timeouts", rule(json!({"timeouts": {"request": "1s", "backendRequest": "2s"}}))),
        ("spec.rules", json!({"rules": [{"name": "a"}, {"name": "a"}]})),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rules_of_the_gateway_api_refuse_a_folder_refuses() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    apply_crd(&client, &crd(GATEWAY_CRD)).await;
    namespace(&client, "shop").await;
    let version = "gateway.networking.k8s.io/v1";
    let api = dynamic(&client, version, "HTTPRoute", "httproutes", "shop");
    let metadata = json!({"name": "a", "namespace": "shop"});
    for (field, broken) in broken_routes() {
        let object =
            json!({"apiVersion": version, "kind": "HTTPRoute", "metadata": metadata, "spec": broken});
        let error = create(&api, object.clone()).await.expect_err(&broken.to_string());
        assert!(error.contains(field), "{broken}: {error}, want {field}");
        let errors =
            heddle_dir::parse(&[("a.json".into(), object.to_string())]).expect_err(&broken.to_string());
        assert!(
            errors.iter().any(|error| error.field.starts_with(field)),
            "{broken}: {errors:?}, want {field}"
        );
    }
}

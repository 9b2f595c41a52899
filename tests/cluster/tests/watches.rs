//! Heddle's watches of a real API server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use heddle_cluster_tests::{
    Cluster, GATEWAY_CRD, GRANT_CRD, Mirror, apply_crd, apply_crds, crd, create, dynamic, eventually,
    namespace, within,
};
use heddle_kube::Phase;
use heddle_model::{Fact, Kind};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use std::time::Duration;

fn policies(client: &Client) -> Api<DynamicObject> {
    dynamic(client, "heddle.dev/v1alpha1", "AccessPolicy", "accesspolicies", "shop")
}

fn services(client: &Client) -> Api<DynamicObject> {
    dynamic(client, "v1", "Service", "services", "shop")
}

fn policy(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "heddle.dev/v1alpha1", "kind": "AccessPolicy", "metadata": {"name": name}, "spec": spec})
}

fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80}]},
    })
}

async fn delete_crd(client: &Client, name: &str) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    api.delete(name, &DeleteParams::default()).await.expect("the definition is deleted");
}

/// A definition that takes any object: what a cluster had before its schema was made stricter.
fn loose(manifest: &Value) -> CustomResourceDefinition {
    let mut loose = manifest.clone();
    loose["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    serde_json::from_value(loose).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_ready_before_every_heddle_kind_is_there_and_routes_may_come_later() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    let mirror = Mirror::start(client.clone());

    eventually("the absent kinds are named", || async {
        let missing = mirror.watches.missing();
        missing.len() == 4 && missing.iter().all(|line| line.contains("404") || line.contains("not find"))
    })
    .await;
    let missing = mirror.watches.missing();
    for (kind, line) in ["Mesh", "InboundPolicy", "AccessPolicy", "ExternalWorkload"].iter().zip(&missing) {
        assert!(line.starts_with(&format!("{kind}: ")), "{missing:?}");
    }
    assert_eq!(mirror.watches.view()[&Kind::HttpRoute].phase, Phase::Absent);
    assert_eq!(mirror.lists(Kind::HttpRoute), 1);

    apply_crds(&client).await;
    eventually("all kinds are listed", || async { mirror.ready() }).await;
    assert_eq!(mirror.watches.view()[&Kind::HttpRoute].phase, Phase::Absent);

    apply_crd(&client, &crd(GATEWAY_CRD)).await;
    namespace(&client, "shop").await;
    let routes = dynamic(&client, "gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", "shop");
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web"},
        "spec": {"parentRefs": [{"group": "", "kind": "Service", "name": "web"}]},
    });
    create(&routes, route).await.unwrap();
    eventually("the route is known", || async {
        matches!(mirror.fact(Kind::HttpRoute, "shop", "web"), Some(Fact::HttpRoute(_)))
    })
    .await;
    assert_eq!(mirror.watches.view()[&Kind::HttpRoute].phase, Phase::Watching);

    apply_crd(&client, &crd(GRANT_CRD)).await;
    let grants =
        dynamic(&client, "gateway.networking.k8s.io/v1", "ReferenceGrant", "referencegrants", "shop");
    let grant = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "ReferenceGrant", "metadata": {"name": "web"},
        "spec": {"from": [{"group": "", "kind": "Service", "namespace": "lab"}], "to": [{"group": "", "kind": "Pod"}]},
    });
    create(&grants, grant).await.unwrap();
    eventually("the grant is known", || async {
        matches!(mirror.fact(Kind::ReferenceGrant, "shop", "web"), Some(Fact::Grant(grant)) if !grant.from.is_empty())
    })
    .await;
}

/// A definition of Linkerd's HTTPRoute that serves one version and takes any object.
fn linkerds_routes(version: &str) -> CustomResourceDefinition {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "httproutes.policy.linkerd.io"},
        "spec": {
            "group": "policy.linkerd.io", "scope": "Namespaced",
            "names": {"kind": "HTTPRoute", "listKind": "HTTPRouteList", "plural": "httproutes", "singular": "httproute"},
            "versions": [{
                "name": version, "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    }))
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_of_linkerds_is_read_in_the_version_that_the_cluster_has_and_beside_its_namesake() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    apply_crds(&client).await;
    let mirror = Mirror::start(client.clone());
    eventually("all kinds are listed", || async { mirror.ready() }).await;
    assert_eq!(mirror.watches.view()[&Kind::LinkerdHttpRoute].phase, Phase::Absent);

    apply_crd(&client, &linkerds_routes("v1beta1")).await;
    namespace(&client, "shop").await;
    let routes = dynamic(&client, "policy.linkerd.io/v1beta1", "HTTPRoute", "httproutes", "shop");
    let route = json!({
        "apiVersion": "policy.linkerd.io/v1beta1", "kind": "HTTPRoute", "metadata": {"name": "web"},
        "spec": {"parentRefs": [{"group": "core", "kind": "Service", "name": "web"}]},
    });
    create(&routes, route).await.unwrap();
    eventually("the route is known", || async {
        matches!(mirror.fact(Kind::LinkerdHttpRoute, "shop", "web"), Some(Fact::HttpRoute(_)))
    })
    .await;
    assert_eq!(mirror.watches.view()[&Kind::HttpRoute].phase, Phase::Absent);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_and_deletes_arrive_and_a_poisoned_object_stalls_nobody() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    apply_crds(&client).await;
    namespace(&client, "shop").await;
    let strict = crd_json("accesspolicies.heddle.dev", &client).await;
    apply_crd(&client, &loose(&strict)).await;
    eventually("an object without sense is taken", || async {
        create(&policies(&client), policy("poison", json!({"action": ["no", "sense"], "rules": 7})))
            .await
            .is_ok()
    })
    .await;
    apply_crds(&client).await;

    let mirror = Mirror::start(client.clone());
    eventually("all kinds are listed", || async { mirror.ready() }).await;
    let poison = mirror.object(&heddle_model::SourceRef::new(Kind::AccessPolicy, "shop", "poison")).unwrap();
    assert!(!poison.diagnostics.is_empty(), "{poison:?}");

    create(&policies(&client), policy("good", json!({"rules": [{"from": [{"namespaces": ["shop"]}]}]})))
        .await
        .unwrap();
    eventually("its neighbour is known", || async {
        matches!(mirror.fact(Kind::AccessPolicy, "shop", "good"), Some(Fact::AccessPolicy(_)))
    })
    .await;

    create(&services(&client), service("web")).await.unwrap();
    eventually("a service comes", || async { mirror.fact(Kind::Service, "shop", "web").is_some() }).await;
    let port = json!([{"op": "replace", "path": "/spec/ports/0/port", "value": 8080}]);
    let patch = Patch::<DynamicObject>::Json(serde_json::from_value(port).unwrap());
    services(&client).patch("web", &PatchParams::default(), &patch).await.unwrap();
    eventually("a service changes", || async {
        matches!(mirror.fact(Kind::Service, "shop", "web"), Some(Fact::Service(service)) if service.ports[0].number == 8080)
    })
    .await;
    services(&client).delete("web", &DeleteParams::default()).await.unwrap();
    policies(&client).delete("poison", &DeleteParams::default()).await.unwrap();
    eventually("both go", || async {
        mirror.fact(Kind::Service, "shop", "web").is_none()
            && mirror.fact(Kind::AccessPolicy, "shop", "poison").is_none()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_vanishes_keeps_its_objects_in_force_until_it_is_back() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    apply_crds(&client).await;
    namespace(&client, "shop").await;
    create(&policies(&client), policy("closed", json!({"action": "Allow"}))).await.unwrap();
    let mirror = Mirror::start(client.clone());
    eventually("all kinds are listed", || async {
        mirror.ready() && mirror.count(Kind::AccessPolicy, "shop") == 1
    })
    .await;

    delete_crd(&client, "accesspolicies.heddle.dev").await;
    eventually("it alarms", || async {
        let alarms = mirror.watches.alarms();
        alarms.len() == 1 && alarms[0].starts_with("AccessPolicy: ")
    })
    .await;
    within(Duration::from_secs(90), "the definition is gone", || async {
        let api: Api<CustomResourceDefinition> = Api::all(client.clone());
        api.get_opt("accesspolicies.heddle.dev").await.is_ok_and(|crd| crd.is_none())
    })
    .await;
    assert!(mirror.fact(Kind::AccessPolicy, "shop", "closed").is_some(), "{:?}", mirror.watches.alarms());
    assert!(mirror.ready());

    apply_crds(&client).await;
    create(&policies(&client), policy("other", json!({"action": "Allow"}))).await.unwrap();
    eventually("what is there now holds", || async {
        mirror.fact(Kind::AccessPolicy, "shop", "closed").is_none()
            && mirror.fact(Kind::AccessPolicy, "shop", "other").is_some()
    })
    .await;
    eventually("the alarm ends", || async { mirror.watches.alarms().is_empty() }).await;
}

async fn crd_json(name: &str, client: &Client) -> Value {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut crd = serde_json::to_value(api.get(name).await.unwrap()).unwrap();
    crd["metadata"] = json!({"name": name});
    crd["status"] = Value::Null;
    crd.as_object_mut().unwrap().remove("status");
    crd
}

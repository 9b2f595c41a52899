//! Objects as large as the API server takes them: 1.5 MB.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use heddle_cluster_tests::{
    Cluster, GATEWAY_CRD, Mirror, apply_crd, apply_crds, crd, create, dynamic, eventually, namespace,
};
use heddle_model::{Fact, Kind, Lowered, SourceRef};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject};
use kube::{Api, Client};
use serde_json::{Value, json};

/// AccessPolicy as a cluster may have had it before its schema was made stricter: it takes anything.
fn loose() -> CustomResourceDefinition {
    let strict: Value =
        serde_json::to_value(crd(include_str!("../../../crds/heddle.dev_accesspolicies.yaml"))).unwrap();
    let mut loose = strict;
    loose["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    serde_json::from_value(loose).unwrap()
}

fn many(count: usize, item: impl Fn(usize) -> Value) -> Value {
    (0..count).map(item).collect()
}

struct Apis {
    policies: Api<DynamicObject>,
    routes: Api<DynamicObject>,
    services: Api<DynamicObject>,
}

impl Apis {
    fn new(client: &Client) -> Self {
        Self {
            policies: dynamic(client, "heddle.dev/v1alpha1", "AccessPolicy", "accesspolicies", "shop"),
            routes: dynamic(client, "gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", "shop"),
            services: dynamic(client, "v1", "Service", "services", "shop"),
        }
    }

    /// One of each kind, as large as it may be.
    async fn create_large(&self) {
        // Forty thousand rules, which no schema keeps out.
        let rule = |_| json!({"from": [{"namespaces": ["shop1"]}]});
        large(&self.policies, policy(json!({"rules": many(40_000, rule)})), 1_400_000).await;
        // Within every limit of the Gateway API: 16 rules of 8 matches.
        let header = |n| json!({"name": format!("x-{n}"), "value": "v".repeat(3750)});
        let matches = |_| json!({"matches": many(8, |_| json!({"headers": many(3, header)}))});
        large(&self.routes, route(many(16, matches)), 1_400_000).await;
        // The API server writes down who owns each port: that is the larger part.
        let port = |n| json!({"name": format!("p{n}"), "port": n + 1});
        large(&self.services, service(many(4000, port)), 500_000).await;
    }
}

/// Creates an object and says how large it came to be.
async fn large(api: &Api<DynamicObject>, object: Value, least: usize) {
    let created = create(api, object).await.unwrap_or_else(|error| panic!("not taken: {error:.300}"));
    let bytes = serde_json::to_string(&created).unwrap().len();
    assert!(bytes > least, "only {bytes} bytes");
}

fn policy(spec: Value) -> Value {
    json!({"apiVersion": "heddle.dev/v1alpha1", "kind": "AccessPolicy", "metadata": {"name": "large"}, "spec": spec})
}

fn route(rules: Value) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "large"},
        "spec": {"parentRefs": [{"group": "", "kind": "Service", "name": "web"}], "rules": rules},
    })
}

fn service(ports: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "large"},
        "spec": {"clusterIP": "None", "selector": {"app": "a"}, "ports": ports},
    })
}

fn seen(mirror: &Mirror, kind: Kind) -> Option<Lowered> {
    mirror.object(&SourceRef::new(kind, "shop", "large"))
}

/// Checks what is kept of the large objects: never more than they say, and of what cannot be used nothing.
fn check_kept(mirror: &Mirror) {
    let policy = seen(mirror, Kind::AccessPolicy).unwrap();
    let Fact::Invalid(invalid) = &policy.fact else { panic!("an AccessPolicy of 40,000 rules is used") };
    assert_eq!(invalid.message, "spec: has 120000 items, at most 16384 are read");
    let service = seen(mirror, Kind::Service).unwrap();
    let Fact::Service(found) = &service.fact else { panic!("no Service") };
    assert_eq!(found.ports, []);
    let text = "has 4000 items, at most 1024 are read; it has no ports";
    assert_eq!(service.diagnostics[0].message, text);
    for object in [&policy, &service] {
        let kept = format!("{object:?}").len();
        assert!(kept < 2000, "{kept} bytes are kept of {}", object.source);
    }
    let route = seen(mirror, Kind::HttpRoute).unwrap();
    assert_eq!(route.diagnostics, []);
    let Fact::HttpRoute(found) = &route.fact else { panic!("no HTTPRoute") };
    assert_eq!(found.rules.iter().map(|rule| rule.matches.len()).sum::<usize>(), 128);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_objects_stall_no_neighbour_and_are_kept_within_bounds() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    apply_crds(&client).await;
    apply_crd(&client, &crd(GATEWAY_CRD)).await;
    apply_crd(&client, &loose()).await;
    namespace(&client, "shop").await;
    let mirror = Mirror::start(client.clone());
    eventually("all kinds are listed", || async { mirror.ready() }).await;

    let api = Apis::new(&client);
    api.create_large().await;
    let kinds = [Kind::AccessPolicy, Kind::HttpRoute, Kind::Service];
    let all = |mirror: &Mirror| kinds.iter().all(|kind| seen(mirror, *kind).is_some());
    eventually("they are watched", || async { all(&mirror) }).await;
    check_kept(&mirror);

    // In a first list they stall nobody either.
    let late = Mirror::start(client.clone());
    eventually("they are listed", || async { late.ready() && all(&late) }).await;
    check_kept(&late);

    for (api, object) in [
        (&api.policies, policy(json!({"rules": [{"from": [{"namespaces": ["shop"]}]}]}))),
        (&api.routes, route(json!([{}]))),
        (&api.services, service(json!([{"port": 80}]))),
    ] {
        let mut small = object;
        small["metadata"]["name"] = json!("small");
        create(api, small).await.unwrap();
        api.delete("large", &DeleteParams::default()).await.unwrap();
    }
    eventually("their neighbours come and they go", || async {
        kinds.iter().all(|kind| {
            let small = SourceRef::new(*kind, "shop", "small");
            mirror.object(&small).is_some() && seen(&mirror, *kind).is_none()
        })
    })
    .await;
    assert_eq!(mirror.watches.alarms(), Vec::<String>::new());
}

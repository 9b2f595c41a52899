//! Statuses in a real API server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use heddle_cluster_tests::{
    Cluster, GATEWAY_CRD, Mirror, apply_crd, apply_crds, crd, create, dynamic, eventually, namespace,
};
use heddle_kube::StatusWriter;
use heddle_model::report::{Condition, ParentRef, Report, Subject};
use heddle_model::{Kind, SourceRef};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::watch;

/// A report of one accepted parent, or of the object itself.
fn report(parent: Option<ParentRef>, message: &str) -> Report {
    let condition = Condition::new("Accepted", true, "Accepted", message.to_owned());
    Report { subjects: vec![Subject { parent, conditions: vec![condition] }] }
}

fn parent() -> ParentRef {
    ParentRef {
        group: Some(String::new()),
        kind: Some("Service".to_owned()),
        namespace: None,
        name: "web".to_owned(),
        section_name: None,
        port: None,
    }
}

async fn status(api: &Api<DynamicObject>, name: &str) -> Value {
    api.get(name).await.unwrap().data["status"].clone()
}

async fn version(api: &Api<DynamicObject>, name: &str) -> Option<String> {
    api.get(name).await.unwrap().metadata.resource_version
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_written_once_beside_those_of_others_and_only_by_the_leader() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    apply_crds(&client).await;
    apply_crd(&client, &crd(GATEWAY_CRD)).await;
    namespace(&client, "shop").await;
    let routes = dynamic(&client, "gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", "shop");
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web"},
        "spec": {"parentRefs": [{"group": "", "kind": "Service", "name": "web"}, {"name": "gate"}]},
    });
    create(&routes, route).await.unwrap();
    let mirror = Mirror::start(client.clone());
    let source = SourceRef::new(Kind::HttpRoute, "shop", "web");
    eventually("the route is known", || async { mirror.object(&source).is_some() }).await;
    let old = mirror.object(&source).unwrap().meta;

    // Another controller writes meanwhile: what we knew is stale.
    let condition = json!({
        "type": "Accepted", "status": "True", "reason": "Accepted", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let foreign = json!({
        "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gate"},
        "controllerName": "example.com/gate", "conditions": [condition],
    });
    let patch = Patch::Merge(json!({"status": {"parents": [foreign.clone()]}}));
    routes.patch_status("web", &PatchParams::default(), &patch).await.unwrap();

    let (lead, leads) = watch::channel(false);
    let writer = StatusWriter::new(client.clone(), heddle_status::CONTROLLER);
    let task = tokio::spawn(writer.clone().run(leads));
    writer.want(source.clone(), report(Some(parent()), "as wanted"), old.clone(), 1_800_000_000);
    assert_eq!(writer.waiting(), 1);
    assert_eq!(status(&routes, "web").await["parents"], json!([foreign]), "a follower writes nothing");

    lead.send(true).unwrap();
    eventually("the status is there", || async {
        status(&routes, "web").await["parents"].as_array().is_some_and(|parents| parents.len() == 2)
    })
    .await;
    let written = status(&routes, "web").await;
    assert_eq!(written["parents"][0], foreign, "the other controller's entry stays");
    assert_eq!(written["parents"][1]["controllerName"], heddle_status::CONTROLLER);
    assert_eq!(written["parents"][1]["conditions"][0]["message"], "as wanted");
    assert_eq!(written["parents"][1]["conditions"][0]["observedGeneration"], 1);

    // The same again, both with what was known before and with what is known now.
    let before = version(&routes, "web").await;
    writer.want(source.clone(), report(Some(parent()), "as wanted"), old, 1_900_000_000);
    eventually("nothing waits", || async { writer.waiting() == 0 }).await;
    eventually("the watch knows", || async {
        let known = mirror.object(&source).unwrap().meta;
        known.status.as_deref().is_some_and(|status| status.contains("as wanted"))
    })
    .await;
    let known = mirror.object(&source).unwrap().meta;
    writer.want(source.clone(), report(Some(parent()), "as wanted"), known.clone(), 1_900_000_000);
    assert_eq!(writer.waiting(), 0, "an equal status does not even wait");
    writer.want(source, report(Some(parent()), "changed"), known, 1_900_000_000);
    eventually("the change is there", || async {
        status(&routes, "web").await["parents"][1]["conditions"][0]["message"] == "changed"
    })
    .await;
    let after = version(&routes, "web").await;
    let number = |version: Option<String>| version.unwrap().parse::<u64>().unwrap();
    assert!(number(after) > number(before));
    task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_replaced_by_another_of_its_name_is_let_alone() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    apply_crds(&client).await;
    namespace(&client, "shop").await;
    let policies = dynamic(&client, "heddle.dev/v1alpha1", "InboundPolicy", "inboundpolicies", "shop");
    let policy = json!({
        "apiVersion": "heddle.dev/v1alpha1", "kind": "InboundPolicy", "metadata": {"name": "strict"},
        "spec": {"mtls": "Strict"},
    });
    create(&policies, policy).await.unwrap();
    let mirror = Mirror::start(client.clone());
    let source = SourceRef::new(Kind::InboundPolicy, "shop", "strict");
    eventually("the policy is known", || async { mirror.object(&source).is_some() }).await;
    let mut meta = mirror.object(&source).unwrap().meta;

    let (_lead, leads) = watch::channel(true);
    let writer = StatusWriter::new(client.clone(), heddle_status::CONTROLLER);
    let task = tokio::spawn(writer.clone().run(leads));
    let uid = std::mem::replace(&mut meta.uid, "another".to_owned());
    writer.want(source.clone(), report(None, "for another"), meta.clone(), 1_800_000_000);
    let gone = SourceRef::new(Kind::InboundPolicy, "shop", "gone");
    writer.want(gone, report(None, "for nobody"), meta.clone(), 1_800_000_000);
    meta.uid = uid;
    eventually("nothing waits", || async { writer.waiting() == 0 }).await;
    writer.want(source, report(None, "for this one"), meta, 1_800_000_000);
    eventually("the status is there", || async {
        status(&policies, "strict").await["conditions"][0]["message"] == "for this one"
    })
    .await;
    task.abort();
}

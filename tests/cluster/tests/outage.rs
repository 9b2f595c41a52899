//! The API server goes away and comes back, and the store forgets its history.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use heddle_cluster_tests::{Cluster, Mirror, apply_crds, create, dynamic, eventually, namespace, within};
use heddle_model::Kind;
use kube::api::{DeleteParams, ListParams};
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

/// The time for which the API server is away.
const OUTAGE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_and_a_compaction_lose_nothing() {
    let mut cluster = Cluster::start().await;
    let client = cluster.client();
    apply_crds(&client).await;
    namespace(&client, "shop").await;
    let services = dynamic(&client, "v1", "Service", "services", "shop");
    for number in 0..2000 {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("s{number}")},
            "spec": {"clusterIP": "None", "selector": {"app": "a"}, "ports": [{"port": 80}]},
        });
        create(&services, service).await.unwrap();
    }
    let mirror = Mirror::start(client.clone());
    within(Duration::from_secs(120), "2,000 services are known", || async {
        mirror.ready() && mirror.count(Kind::Service, "shop") == 2000
    })
    .await;
    assert_eq!(mirror.lists(Kind::Service), 1, "one list, not one per page");

    cluster.kill_apiserver();
    eventually("every watch notices", || async { mirror.watches.alarms().len() >= 9 }).await;
    sleep(OUTAGE).await;
    assert_eq!(mirror.count(Kind::Service, "shop"), 2000, "what was known stays");
    assert!(mirror.ready());

    cluster.start_apiserver().await;
    let client = cluster.client();
    let services = dynamic(&client, "v1", "Service", "services", "shop");
    services.delete("s7", &DeleteParams::default()).await.unwrap();
    services
        .delete_collection(&DeleteParams::default(), &ListParams::default().fields("metadata.name=s8"))
        .await
        .unwrap();
    cluster.compact().await;
    within(Duration::from_secs(120), "what was deleted is gone", || async {
        mirror.count(Kind::Service, "shop") == 1998
    })
    .await;
    within(Duration::from_secs(120), "no watch fails any more", || async {
        mirror.watches.alarms().is_empty()
    })
    .await;
    assert!(mirror.lists(Kind::Service) >= 2, "the history is gone: the list is read anew");
    assert!(mirror.fact(Kind::Service, "shop", "s7").is_none());
}

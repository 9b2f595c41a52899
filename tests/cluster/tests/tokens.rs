//! Bound tokens of a real API server, and what Heddle keeps in it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use heddle_ca::token::{Keys, Rules, check};
use heddle_cluster_tests::{Cluster, ISSUER, create, dynamic, eventually, namespace, token};
use heddle_kube::{Created, Election, Replaced, Secrets, elect, keys};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

fn rules() -> Rules {
    Rules { issuer: ISSUER.to_owned(), audiences: BTreeSet::from(["heddle".to_owned()]) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_api_server_issued_is_verified_by_its_own_keys() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    namespace(&client, "shop").await;
    let account = ServiceAccount {
        metadata: ObjectMeta { name: Some("web".to_owned()), ..Default::default() },
        ..Default::default()
    };
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "shop");
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let pods = dynamic(&client, "v1", "Pod", "pods", "shop");
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0"},
        "spec": {"serviceAccountName": "web", "containers": [{"name": "web", "image": "none"}]},
    });
    let uid = create(&pods, pod).await.unwrap().metadata.uid.unwrap();

    let found = keys(&client).await.unwrap();
    assert_eq!(found.issuer, ISSUER);
    let key_set = Keys::from_jwks(found.jwks.to_string().as_bytes()).unwrap();
    let now = SystemTime::now();
    let caller =
        check(&token(&client, "heddle", Some(("web-0", &uid))).await, &key_set, &rules(), now).unwrap();
    assert_eq!(caller.identity.spiffe("td"), "spiffe://td/ns/shop/sa/web");
    assert_eq!(caller.workload.map(|workload| workload.to_string()).as_deref(), Some("pod/shop/web-0"));
    assert_eq!(caller.uid.as_deref(), Some(uid.as_str()));

    let unbound = check(&token(&client, "heddle", None).await, &key_set, &rules(), now).unwrap();
    assert_eq!(unbound.workload, None);
    let foreign = check(&token(&client, "vault", Some(("web-0", &uid))).await, &key_set, &rules(), now);
    assert_eq!(
        foreign.map_err(|error| error.to_string()).unwrap_err(),
        "token is for audience [\"vault\"], want one of {\"heddle\"}"
    );
    let late = check(
        &token(&client, "heddle", Some(("web-0", &uid))).await,
        &key_set,
        &rules(),
        now + Duration::from_secs(7200),
    );
    assert!(late.map_err(|error| error.to_string()).unwrap_err().starts_with("token expired "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_created_once_and_one_replica_leads() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    namespace(&client, "heddle").await;
    let secrets = Secrets::new(client.clone(), "heddle");
    let data = |text: &str| BTreeMap::from([("root.key".to_owned(), text.as_bytes().to_vec())]);
    assert!(secrets.get("root").await.unwrap().is_none());
    assert!(secrets.create("root", data("first")).await.unwrap() == Created::Now);
    assert!(secrets.create("root", data("second")).await.unwrap() == Created::Before(data("first")));
    let stored = secrets.get("root").await.unwrap().unwrap();
    assert_eq!(stored.data, data("first"));
    // Of two replicas that renew at once, one is told that the other was first.
    assert_eq!(secrets.replace("root", data("second"), &stored.version).await.unwrap(), Replaced::Now);
    let late = secrets.replace("root", data("third"), &stored.version).await.unwrap();
    assert_eq!(late, Replaced::ChangedBefore);
    assert_eq!(secrets.get("root").await.unwrap().unwrap().data, data("second"));

    let run = |replica: &str| {
        let (leads, seen) = watch::channel(false);
        let election = Election {
            namespace: "heddle".to_owned(),
            lease: "heddle".to_owned(),
            replica: replica.to_owned(),
        };
        (tokio::spawn(elect(client.clone(), election, leads)), seen)
    };
    let (first, one) = run("one");
    eventually("the first leads", || async { *one.borrow() }).await;
    let (second, two) = run("two");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(*one.borrow() && !*two.borrow(), "never two");
    first.abort();
    eventually("the second takes over", || async { *two.borrow() }).await;
    second.abort();
}

//! Tokens whose key the controller does not have, or whose Pod has gone, on a real API server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use futures::future::{BoxFuture, FutureExt, ready};
use heddle_ca::token::{Keys, Live, Liveness, Reviewed, Rules, TokenKey, check};
use heddle_cluster_tests::{Cluster, ISSUER, create, dynamic, namespace, token};
use heddle_kube::{Verdict, keys, review};
use heddle_model::{Name, WorkloadKey};
use heddle_serve::auth::Authenticate;
use heddle_serve::clock::WallClock;
use heddle_serve::tokens::{Answer, FetchKeys, Review, Tokens};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use kube::{Api, Client};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The address from which the tokens come.
const HERE: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A key set that never has the key that is looked for.
struct Without(Keys);

impl FetchKeys for Without {
    fn fetch(&self) -> BoxFuture<'_, Result<Keys, String>> {
        ready(Ok(self.0.clone())).boxed()
    }
}

struct ApiServer(Client);

impl Review for ApiServer {
    fn review<'a>(
        &'a self,
        token: &'a str,
        audiences: &'a BTreeSet<String>,
    ) -> BoxFuture<'a, Result<Answer, String>> {
        let answer = |verdict| match verdict {
            Verdict::Good { user, pod, audiences } => Answer::Good(Reviewed { user, pod, audiences }),
            Verdict::Bad(text) => Answer::Bad(text),
        };
        review(&self.0, token, audiences)
            .map(move |answered| answered.map(answer).map_err(|error| error.to_string()))
            .boxed()
    }
}

/// Every Pod lives, as this UID, under account `web`.
struct Alive(Name);

impl Live for Alive {
    fn live(&self, _: &WorkloadKey) -> Liveness {
        Liveness::Alive { uid: Some(self.0.clone()), service_account: "web".into() }
    }
}

fn rules() -> Rules {
    Rules { issuer: ISSUER.to_owned(), audiences: BTreeSet::from(["heddle".to_owned()]) }
}

async fn account(client: &Client) {
    let metadata = ObjectMeta { name: Some("web".to_owned()), ..Default::default() };
    let account = ServiceAccount { metadata, ..Default::default() };
    Api::namespaced(client.clone(), "shop").create(&PostParams::default(), &account).await.unwrap();
}

/// Creates Pod shop/web-0. Returns its UID.
async fn pod(client: &Client) -> String {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0"},
        "spec": {"serviceAccountName": "web", "containers": [{"name": "web", "image": "none"}]},
    });
    create(&dynamic(client, "v1", "Pod", "pods", "shop"), pod).await.unwrap().metadata.uid.unwrap()
}

async fn delete_pod(client: &Client) {
    let now = DeleteParams::default().grace_period(0);
    dynamic(client, "v1", "Pod", "pods", "shop").delete("web-0", &now).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_in_the_key_set_is_asked_about_at_the_api_server() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    namespace(&client, "shop").await;
    account(&client).await;
    let uid = pod(&client).await;
    let bound = Some(("web-0", uid.as_str()));
    let other_keys = TokenKey::generate().keys();
    let (source, live) = (Box::new(Without(other_keys.clone())), Arc::new(Alive(uid.as_str().into())));
    let tokens = Tokens::new(rules(), other_keys, source, live, Arc::new(WallClock))
        .reviewed_by(Box::new(ApiServer(client.clone())));

    let good = token(&client, "heddle", bound).await;
    let caller = tokens.authenticate(&good, HERE).await.unwrap();
    assert_eq!(
        (caller.identity.to_string().as_str(), caller.uid.as_deref()),
        ("shop/web", Some(uid.as_str()))
    );

    let refusal = async |token: &str| tokens.authenticate(token, HERE).await.unwrap_err().to_string();
    let foreign = token(&client, "vault", bound).await;
    let text = "the token is refused: token is for audience [\"vault\"], want one of {\"heddle\"}";
    assert_eq!(refusal(&foreign).await, text);
    let unbound = token(&client, "heddle", None).await;
    let text = "the token is refused: token of shop/web is not bound to a pod or an ExternalWorkload";
    assert_eq!(refusal(&unbound).await, text);
    let (claims, _) = good.rsplit_once('.').unwrap();
    let (_, signature) = unbound.rsplit_once('.').unwrap();
    let forged = format!("{claims}.{signature}");
    let taken = "the token is refused: its issuer does not take it: ";
    let text = refusal(&forged).await;
    assert!(text.starts_with(taken), "{text}");

    // The API server answers from its own cache of Pods, which may be some moments behind.
    let late = token(&client, "heddle", bound).await;
    delete_pod(&client).await;
    for _ in 0..100 {
        match tokens.authenticate(&late, HERE).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(refusal) => return assert!(refusal.to_string().starts_with(taken), "{refusal}"),
        }
    }
    panic!("the token of a Pod that is gone is still taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_tells_for_whom_and_of_which_pod_a_token_is() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    namespace(&client, "shop").await;
    account(&client).await;
    let uid = pod(&client).await;
    let bound = Some(("web-0", uid.as_str()));
    let ask = async |token: &str| review(&client, token, &rules().audiences).await.unwrap();
    let good = |pod: Option<(&str, &str)>| Verdict::Good {
        user: "system:serviceaccount:shop:web".to_owned(),
        pod: pod.map(|(name, uid)| (name.to_owned(), uid.to_owned())),
        audiences: vec!["heddle".to_owned()],
    };
    assert_eq!(ask(&token(&client, "heddle", bound).await).await, good(bound));
    assert_eq!(ask(&token(&client, "heddle", None).await).await, good(None));
    assert!(matches!(ask(&token(&client, "vault", bound).await).await, Verdict::Bad(_)));
    assert!(matches!(ask("none").await, Verdict::Bad(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_of_no_use_to_whoever_takes_its_pods_name() {
    let cluster = Cluster::start().await;
    let client = cluster.client();
    namespace(&client, "shop").await;
    account(&client).await;
    let first = pod(&client).await;
    let old = token(&client, "heddle", Some(("web-0", &first))).await;
    delete_pod(&client).await;
    let second = pod(&client).await;

    let keys = Keys::from_jwks(keys(&client).await.unwrap().jwks.to_string().as_bytes()).unwrap();
    let caller = check(&old, &keys, &rules(), SystemTime::now()).unwrap();
    let error = caller.check_alive(&Alive(second.as_str().into())).unwrap_err().to_string();
    assert_eq!(error, format!("pod/shop/web-0 has UID {second}, but the token is of UID {first}"));
}

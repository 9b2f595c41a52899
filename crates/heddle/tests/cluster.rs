//! The whole controller on a real API server: objects in, status out, a Pod's own token, a real Envoy.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use heddle::demo::Client as Http;
use heddle_cluster_tests::{
    Cluster, GATEWAY_CRD, apply_crd, apply_crds, crd, create, dynamic, eventually, namespace,
};
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// The address of the controller on loopback.
const CONTROLLER: &str = "127.0.22.100:15012";
const ADMIN: &str = "127.0.22.100:15014";
const ENVOY_ADMIN: &str = "127.0.22.1:15000";
/// The virtual IP 198.19.0.10, where the Envoy of this test binds it.
const API: &str = "http://127.222.0.10:8080/";

/// The address of the application: no loopback address may be an ExternalWorkload's, so this one is given to the loopback
/// interface of a network namespace of the test's own.
const APPLICATION: &str = "198.19.22.2";
/// Set for the test as it runs within that namespace.
const WITHIN: &str = "HEDDLE_TEST_WITHIN";

/// Runs a test of this file in a network namespace of its own. Returns whether it was, and is to do nothing more.
fn ran_within(test: &str) -> bool {
    if std::env::var_os(WITHIN).is_some() {
        return false;
    }
    let script = format!("ip link set lo up && ip addr add {APPLICATION}/32 dev lo && exec \"$@\"");
    let mut within = Command::new("unshare");
    within.args(["--net", "--", "sh", "-c", &script, "sh"]).arg(std::env::current_exe().unwrap());
    let ended = within.args(["--exact", test, "--nocapture"]).env(WITHIN, "1").status();
    assert!(ended.expect("unshare starts").success(), "{test} failed in its namespace");
    true
}

/// A process that ends with this value.
struct Running(Child);

impl Running {
    fn heddle(args: &[&str], kubeconfig: &Path) -> Self {
        let child =
            Command::new(env!("CARGO_BIN_EXE_heddle")).args(args).env("KUBECONFIG", kubeconfig).spawn();
        Self(child.expect("it starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

fn heddle(client: &Client, kind: &str, plural: &str, namespace: &str) -> Api<kube::api::DynamicObject> {
    dynamic(client, "heddle.dev/v1alpha1", kind, plural, namespace)
}

/// A mesh with a Service in front of one plain ExternalWorkload, and a route and a policy about it.
async fn objects(client: &Client) {
    namespace(client, "shop").await;
    namespace(client, "heddle-system").await;
    let mesh = json!({
        "apiVersion": "heddle.dev/v1alpha1", "kind": "Mesh", "metadata": {"name": "default"},
        "spec": {"trustDomain": "cluster.test", "networks": ["198.19.0.0/16"]},
    });
    create(&heddle(client, "Mesh", "meshes", ""), mesh).await.unwrap();
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "api"},
        "spec": {"clusterIP": "198.19.0.10", "selector": {"app": "api"}, "ports": [{"name": "http", "port": 8080}]},
    });
    create(&dynamic(client, "v1", "Service", "services", "shop"), service).await.unwrap();
    let external = json!({
        "apiVersion": "heddle.dev/v1alpha1", "kind": "ExternalWorkload",
        "metadata": {"name": "api", "labels": {"app": "api"}},
        "spec": {"addresses": [APPLICATION], "serviceAccount": "api", "ports": [{"name": "http", "port": 8080}]},
    });
    create(&heddle(client, "ExternalWorkload", "externalworkloads", "shop"), external).await.unwrap();
    let policy = json!({
        "apiVersion": "heddle.dev/v1alpha1", "kind": "AccessPolicy", "metadata": {"name": "api"},
        "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": "api"}], "action": "Allow",
                 "rules": [{"from": [{"serviceAccounts": [{"name": "web"}]}]}]},
    });
    create(&heddle(client, "AccessPolicy", "accesspolicies", "shop"), policy).await.unwrap();
}

/// Pod shop/web-0, running, with a proxy; and a token that the API server issued to it.
async fn pod(client: &Client) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "shop");
    let metadata = ObjectMeta { name: Some("web".into()), ..Default::default() };
    accounts
        .create(&PostParams::default(), &ServiceAccount { metadata, ..Default::default() })
        .await
        .unwrap();
    let pods = dynamic(client, "v1", "Pod", "pods", "shop");
    let web = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "labels": {"heddle.dev/plane": "envoy"}},
        "spec": {"serviceAccountName": "web", "containers": [{"name": "web", "image": "none"}]},
    });
    let uid = create(&pods, web).await.unwrap().metadata.uid.unwrap();
    let status =
        json!({"status": {"phase": "Running", "podIP": "198.18.0.5", "podIPs": [{"ip": "198.18.0.5"}]}});
    pods.patch_status("web-0", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    let bound = BoundObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Pod".into()),
        name: Some("web-0".into()),
        uid: Some(uid),
    };
    let spec = TokenRequestSpec {
        audiences: vec!["heddle".into()],
        bound_object_ref: Some(bound),
        expiration_seconds: Some(3600),
    };
    let request = TokenRequest { spec, ..Default::default() };
    let answer = accounts.create_token_request("web", &PostParams::default(), &request).await.unwrap();
    answer.status.unwrap().token
}

fn start_proxy(folder: &Path, kubeconfig: &Path) -> Running {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let envoy =
        std::env::var_os("HEDDLE_ENVOY").map_or_else(|| root.join(".cache/envoy/bin/envoy"), PathBuf::from);
    let file = |name: &str| folder.join(name).display().to_string();
    let bootstrap = [
        "bootstrap",
        "--workload",
        "pod/shop/web-0",
        "--controller",
        CONTROLLER,
        "--capture",
        "bound:127.222.0.0/16",
        "--admin",
        ENVOY_ADMIN,
        "--output",
        &file("bootstrap.json"),
    ];
    assert!(Command::new(env!("CARGO_BIN_EXE_heddle")).args(bootstrap).status().unwrap().success());
    let envoy = envoy.canonicalize().expect("Envoy is there: run `make envoy`").display().to_string();
    let agent = [
        "agent",
        "--workload",
        "pod/shop/web-0",
        "--controller",
        CONTROLLER,
        "--roots",
        &file("roots.pem"),
        "--token",
        &file("token"),
        "--dir",
        &file("agent"),
        "--listen",
        "127.0.22.1:15020",
        "--",
        &envoy,
        "-c",
        &file("bootstrap.json"),
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "warning",
    ];
    Running::heddle(&agent, kubeconfig)
}

async fn status(url: &str) -> Option<u16> {
    Http::new().get(url, &[]).await.ok().map(|reply| reply.status)
}

fn condition(object: &Value, kind: &str) -> Option<(String, i64)> {
    let conditions =
        object.pointer("/status/conditions").or(object.pointer("/status/parents/0/conditions"))?;
    let found = conditions.as_array()?.iter().find(|condition| condition["type"] == kind)?;
    Some((found["status"].as_str()?.into(), found["observedGeneration"].as_i64()?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_of_a_real_cluster_is_configured_and_its_objects_are_told_what_became_of_them() {
    if ran_within("a_pod_of_a_real_cluster_is_configured_and_its_objects_are_told_what_became_of_them") {
        return;
    }
    let mut cluster = Cluster::start().await;
    let client = cluster.client();
    apply_crds(&client).await;
    objects(&client).await;
    let token = pod(&client).await;
    // The agent refuses a folder that others may enter.
    let private = std::fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().permissions(private).tempdir().unwrap();
    let kubeconfig = cluster.kubeconfig();
    let _app = Running::heddle(
        &["demo-app", "--listen", &format!("{APPLICATION}:8080"), "--name", "api"],
        &kubeconfig,
    );
    let controller =
        ["controller", "--source", "kubernetes", "--listen", CONTROLLER, "--admin", ADMIN, "--own-networks"];
    let _controller = Running::heddle(&controller, &kubeconfig);
    let ready = format!("http://{ADMIN}/ready");
    eventually("the controller is ready", || async { status(&ready).await == Some(200) }).await;

    // The authority lives in Secrets; the anchors go to the agent by hand here.
    let secret = dynamic(&client, "v1", "Secret", "secrets", "heddle-system")
        .get("heddle-intermediate")
        .await
        .unwrap();
    let roots = secret.data["data"]["ca.crt"].as_str().unwrap();
    std::fs::write(folder.path().join("roots.pem"), decoded(roots)).unwrap();
    std::fs::write(folder.path().join("token"), token).unwrap();
    let _proxy = start_proxy(folder.path(), &kubeconfig);
    eventually("a call goes through the Pod's proxy", || async { status(API).await == Some(200) }).await;

    let policies = heddle(&client, "AccessPolicy", "accesspolicies", "shop");
    eventually("the policy is accepted", || async {
        let policy = serde_json::to_value(policies.get("api").await.unwrap()).unwrap();
        condition(&policy, "Accepted") == Some(("True".into(), 1))
    })
    .await;
    // A change of no consequence is still told: the status names the generation that it is about.
    let touched = json!({"spec": {"mode": "Enforce", "rules": [{"from": [{"serviceAccounts": [{"name": "web", "namespace": "shop"}]}]}]}});
    policies.patch("api", &PatchParams::default(), &Patch::Merge(&touched)).await.unwrap();
    eventually("the policy's status is of its second generation", || async {
        let policy = serde_json::to_value(policies.get("api").await.unwrap()).unwrap();
        condition(&policy, "Accepted") == Some(("True".into(), 2))
    })
    .await;
    optional_kind(&client).await;
    outage(&mut cluster).await;
    gone(&cluster.client()).await;
}

/// HTTPRoute is not there at first, and is picked up when it appears.
async fn optional_kind(client: &Client) {
    apply_crd(client, &crd(GATEWAY_CRD)).await;
    let routes = dynamic(client, "gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", "shop");
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "api"},
        "spec": {"parentRefs": [{"group": "", "kind": "Service", "name": "api", "port": 8080}],
                 "rules": [{"backendRefs": [{"name": "missing", "port": 8080}]}]},
    });
    create(&routes, route).await.unwrap();
    eventually("the broken backend answers 500", || async { status(API).await == Some(500) }).await;
    eventually("the route is accepted, and its reference is not resolved", || async {
        let route = serde_json::to_value(routes.get("api").await.unwrap()).unwrap();
        condition(&route, "Accepted") == Some(("True".into(), 1))
            && condition(&route, "ResolvedRefs") == Some(("False".into(), 1))
    })
    .await;
    routes.delete("api", &DeleteParams::default()).await.unwrap();
    eventually("without its route the Service answers", || async { status(API).await == Some(200) }).await;
}

/// An API server that is away changes nothing that is served, and changes made after it came back are seen.
async fn outage(cluster: &mut Cluster) {
    cluster.kill_apiserver();
    for _ in 0..20 {
        assert_eq!(status(API).await, Some(200));
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(status(&format!("http://{ADMIN}/ready")).await, Some(200), "what was read is still served");
    cluster.start_apiserver().await;
    let external = heddle(&cluster.client(), "ExternalWorkload", "externalworkloads", "shop");
    external.delete("api", &DeleteParams::default()).await.unwrap();
    eventually("without endpoints the Service answers 503", || async { status(API).await == Some(503) })
        .await;
}

/// The Pod goes, and with it its stream.
async fn gone(client: &Client) {
    let pods = dynamic(client, "v1", "Pod", "pods", "shop");
    pods.delete("web-0", &DeleteParams::default().grace_period(0)).await.unwrap();
    eventually("the stream of the Pod has ended", || async {
        let page = Http::new().get(&format!("http://{ADMIN}/debug/clients"), &[]).await;
        page.is_ok_and(|page| page.text().trim() == "[]")
    })
    .await;
}

fn decoded(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

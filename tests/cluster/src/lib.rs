//! A real etcd and a real kube-apiserver on loopback, for tests.
//!
//! There are no nodes and no controllers: what a test wants to be there, it creates. The programs are built by
//! `make binaries`; a test without them fails.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod http_post;
mod mirror;
mod wait;
mod world;

pub use mirror::Mirror;
pub use wait::{eventually, within};
pub use world::{GATEWAY_CRD, GRANT_CRD, apply_crd, apply_crds, crd, create, dynamic, namespace, token};

use heddle_node_tests::pki::Authority;
use heddle_node_tests::process::Process;
use heddle_node_tests::programs;
use kube::config::AuthInfo;
use kube::{Client, Config};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::time::sleep;

/// The issuer of the cluster's ServiceAccount tokens.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// The time that the API server may take to start: three seconds on an idle machine.
const READY: Duration = Duration::from_secs(90);

/// An API server and its store. Both end with this value, and with the process whatever happens.
pub struct Cluster {
    folder: TempDir,
    root: Vec<u8>,
    etcd_port: u16,
    port: u16,
    etcd: Option<Process>,
    apiserver: Option<Process>,
}

impl Cluster {
    /// Starts both and waits until the API server is ready.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = certificates(folder.path()).expect("certificates");
        let (etcd_port, port) = (free_port(), free_port());
        let mut cluster = Self { folder, root, etcd_port, port, etcd: None, apiserver: None };
        cluster.start_etcd();
        cluster.start_apiserver().await;
        cluster
    }

    /// A client that may do everything. It belongs to the runtime that it is made in.
    pub fn client(&self) -> Client {
        let mut config = Config::new(format!("https://127.0.0.1:{}", self.port).parse().expect("a URL"));
        config.root_cert = Some(vec![self.root.clone()]);
        config.auth_info = AuthInfo {
            client_certificate: Some(self.file("admin.crt")),
            client_key: Some(self.file("admin.key")),
            ..Default::default()
        };
        Client::try_from(config).expect("a client")
    }

    /// A kubeconfig for a process that may do everything.
    pub fn kubeconfig(&self) -> PathBuf {
        let file = |name: &str| self.file(name);
        let config = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "clusters": [{"name": "test", "cluster": {
                "server": format!("https://127.0.0.1:{}", self.port), "certificate-authority": file("ca.crt"),
            }}],
            "users": [{"name": "admin", "user": {
                "client-certificate": file("admin.crt"), "client-key": file("admin.key"),
            }}],
        });
        let path = self.path().join("kubeconfig");
        std::fs::write(&path, config.to_string()).expect("a kubeconfig is written");
        path
    }

    /// Ends the API server at once, without a farewell to its clients.
    pub fn kill_apiserver(&mut self) {
        self.apiserver = None;
    }

    /// Starts the API server again at the same address.
    pub async fn start_apiserver(&mut self) {
        self.apiserver = Some(self.run("kube-apiserver", self.apiserver_args()));
        let (client, start) = (self.client(), Instant::now());
        loop {
            let request = http::Request::get("/readyz").body(Vec::new()).expect("a request");
            let problem = match client.request_text(request).await {
                Ok(_) => return,
                Err(error) => format!("{error:?}"),
            };
            if start.elapsed() > READY {
                let log = std::fs::read_to_string(self.path().join("kube-apiserver.log"));
                panic!("the API server is not ready after {READY:?}: {problem}\n{}", log.unwrap_or_default());
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Throws away the history of the store: watches that stand before now must list anew.
    pub async fn compact(&self) {
        let etcdctl = format!("http://127.0.0.1:{}", self.etcd_port);
        let revision = http_post::post(&format!("{etcdctl}/v3/kv/range"), r#"{"key":"AA=="}"#).await;
        let revision = revision["header"]["revision"].as_str().expect("a revision").to_owned();
        http_post::post(
            &format!("{etcdctl}/v3/kv/compaction"),
            &format!(r#"{{"revision":"{revision}","physical":true}}"#),
        )
        .await;
    }

    fn start_etcd(&mut self) {
        let (peer, data) = (free_port(), self.file("etcd"));
        let url = format!("http://127.0.0.1:{}", self.etcd_port);
        let peer = format!("http://127.0.0.1:{peer}");
        let args = vec![
            format!("--data-dir={data}"),
            format!("--listen-client-urls={url}"),
            format!("--advertise-client-urls={url}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            "--unsafe-no-fsync".to_owned(),
            "--log-level=error".to_owned(),
        ];
        self.etcd = Some(self.run("etcd", args));
    }

    fn run(&self, name: &str, args: Vec<String>) -> Process {
        let command = [vec![program(name).display().to_string()], args].concat();
        Process::start(name, &command, self.path()).expect("sh runs")
    }

    fn apiserver_args(&self) -> Vec<String> {
        let file = |name: &str| self.file(name);
        vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port),
            format!("--secure-port={}", self.port),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--tls-cert-file={}", file("apiserver.crt")),
            format!("--tls-private-key-file={}", file("apiserver.key")),
            format!("--client-ca-file={}", file("ca.crt")),
            format!("--service-account-issuer={ISSUER}"),
            format!("--service-account-signing-key-file={}", file("accounts.key")),
            format!("--service-account-key-file={}", file("accounts.pub")),
            "--service-cluster-ip-range=198.19.0.0/16".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            format!("--cert-dir={}", file("certificates")),
        ]
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.apiserver = None;
        self.etcd = None;
    }
}

/// Writes the certificates of the API server and of its administrator. Returns the authority's, in DER.
fn certificates(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let authority = Authority::make("cluster tests", folder)?;
    authority.server("apiserver", &["127.0.0.1", "localhost"])?;
    authority.client("admin", "admin", Some("system:masters"))?;
    Ok(authority.der().to_vec())
}

/// A port that nobody listens at now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Returns where `xtask binaries` puts a program.
fn program(name: &str) -> PathBuf {
    let path = programs::folder().join(name);
    assert!(path.is_file(), "{} is not there: run `make binaries` (about six minutes, once)", path.display());
    path
}

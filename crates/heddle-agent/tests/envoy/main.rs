//! The agent beside a real Envoy: certificates rotate under its feet, and an Envoy that started without them
//! is healed.
//!
//! `HEDDLE_ENVOY` names the binary; without it `.cache/envoy/bin/envoy` of the workspace is taken, which
//! `make envoy` installs.

#[allow(dead_code, reason = "the other tests use all of it")]
#[path = "../agent/controller.rs"]
mod controller;

use controller::Mesh;
use heddle_agent::application::Application;
use heddle_agent::{Config, Proxy, run};
use heddle_ca::Bundle;
use rustix::process::{Signal, getpid, kill_process};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

const SERVER: &str = "web.shop.serviceaccount.identity.heddle.cluster.local";
/// Whatever is waited for comes long before this, or never.
const LIMIT: Duration = Duration::from_secs(60);

/// Signals go to the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

fn envoy() -> PathBuf {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = std::env::var_os("HEDDLE_ENVOY").map(PathBuf::from);
    let path = named.unwrap_or_else(|| workspace.join(".cache/envoy/bin/envoy"));
    let path = path.canonicalize();
    path.expect("there is no Envoy: set HEDDLE_ENVOY to one, or run `make envoy`")
}

/// One listener with the mesh's TLS, its secrets named by relative paths as Heddle's configurations name them.
fn bootstrap(port: u16) -> String {
    let sds = |name: &str| {
        format!(
            "{{name: {name}, sds_config: {{path_config_source: {{path: sds/{name}.yaml, \
             watched_directory: {{path: sds}}}}, resource_api_version: V3}}}}"
        )
    };
    format!(
        r#"node: {{id: external/shop/web, cluster: heddle}}
static_resources:
  listeners:
  - name: in
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          require_client_certificate: false
          common_tls_context:
            tls_certificate_sds_secret_configs: [{identity}]
            validation_context_sds_secret_config: {roots}
      filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config:
            virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, direct_response: {{status: 200}}}}]}}]
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"#,
        identity = sds("identity"),
        roots = sds("roots"),
    )
}

struct Bench {
    mesh: Arc<Mesh>,
    temporary: TempDir,
    port: u16,
}

impl Bench {
    async fn new(lifetime: Duration) -> Self {
        let (mesh, temporary) = (Mesh::new(lifetime), tempfile::tempdir().expect("folder"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("free port");
        let port = listener.local_addr().expect("address").port();
        let put = |name: &str, text: &str| {
            std::fs::write(temporary.path().join(name), text).expect("write");
        };
        put("token", &mesh.token());
        put("roots.pem", mesh.bundle().pem());
        put("envoy.yaml", &bootstrap(port));
        Self { mesh, temporary, port }
    }

    fn config(&self, controller: SocketAddr) -> Config {
        Config {
            folder: self.temporary.path().join("agent"),
            controller: controller.to_string(),
            server_name: "heddle.heddle.svc".into(),
            trust_anchors: self.temporary.path().join("roots.pem"),
            token: self.temporary.path().join("token"),
            proxy: Proxy::Files { seed: 0, envoy_admin: None },
            probe: None,
            application: Application::default(),
            drain: Duration::ZERO,
            grace: LIMIT,
        }
    }

    fn command(&self) -> Vec<OsString> {
        let words = ["--disable-hot-restart", "--concurrency", "1", "-l", "warn", "-c"];
        let mut command = vec![envoy().into_os_string()];
        command.extend(words.map(OsString::from));
        command.push(self.temporary.path().join("envoy.yaml").into_os_string());
        command
    }

    /// The leaf that Envoy presents to a client that verifies it; nothing while it does not.
    async fn presented(&self) -> Option<CertificateDer<'static>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        let name = ServerName::try_from(SERVER).expect("name");
        let stream = TlsConnector::from(client(self.mesh.bundle())).connect(name, stream).await.ok()?;
        let chain = stream.get_ref().1.peer_certificates()?;
        Some(chain[0].clone().into_owned())
    }

    /// Waits until Envoy presents a leaf that is not among these.
    async fn another(&self, known: &[CertificateDer<'static>]) -> CertificateDer<'static> {
        let poll = async {
            loop {
                match self.presented().await {
                    Some(leaf) if !known.contains(&leaf) => return leaf,
                    _ => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        tokio::time::timeout(LIMIT, poll).await.expect("Envoy presents another certificate")
    }
}

fn client(bundle: &Bundle) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for root in bundle.roots() {
        roots.add(root.clone()).expect("root");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(builder.expect("versions").with_root_certificates(roots).with_no_client_auth())
}

async fn exists(path: &Path) {
    let poll = async {
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, poll).await.unwrap_or_else(|_| panic!("{} in vain", path.display()));
}

#[tokio::test]
async fn an_envoy_presents_each_new_certificate() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let bench = Bench::new(Duration::from_secs(4)).await;
    let controller = bench.mesh.serve("heddle.heddle.svc").await;
    let agent = tokio::spawn(run(bench.config(controller.address), bench.command()));
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(bench.another(&seen).await);
    }
    kill_process(getpid(), Signal::TERM).expect("own process");
    let code = tokio::time::timeout(LIMIT, agent).await.expect("the agent ends").expect("no panic");
    assert_eq!(code.expect("started"), 0);
}

#[tokio::test]
async fn an_envoy_that_started_without_certificates_is_healed() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let bench = Bench::new(Duration::from_secs(3600)).await;
    let controller = bench.mesh.serve("heddle.heddle.svc").await;
    let config = bench.config(controller.address);
    run(config.clone(), vec!["true".into()]).await.expect("an agent that leaves its files");
    // With the folder, the first certificate alone would heal: Envoy watches it although it could not load.
    std::fs::remove_dir_all(config.folder.join("certs")).expect("there");
    let command = bench.command();
    let log = bench.temporary.path().join("envoy.log");
    let _envoy = Command::new(&command[0])
        .args(&command[1..])
        .arg("--log-path")
        .arg(&log)
        .current_dir(&config.folder)
        .kill_on_drop(true)
        .spawn()
        .expect("envoy");
    exists(&log).await;
    let complaint = async {
        while !std::fs::read_to_string(&log)
            .is_ok_and(|text| text.contains("/certs/: No such file or directory"))
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, complaint).await.expect("Envoy misses its certificate");
    assert_eq!(bench.presented().await, None);
    let agent = tokio::spawn(run(config, Vec::new()));
    bench.another(&[]).await;
    kill_process(getpid(), Signal::TERM).expect("own process");
    let code = tokio::time::timeout(LIMIT, agent).await.expect("the agent ends").expect("no panic");
    assert_eq!(code.expect("started"), 0);
}

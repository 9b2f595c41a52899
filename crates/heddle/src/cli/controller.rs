//! `heddle controller`: watch, resolve, serve.

mod injector;

use crate::controller::{Config, serve};
use crate::source::Source;
use anyhow::{Result, ensure};
use heddle_admission::InjectorSettings;
use heddle_kube::MeshValues;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Run the controller: watch objects, issue certificates, configure proxies.
///
/// With --source dir:FOLDER it needs no Kubernetes: objects are manifests in a folder, and the authority and
/// the key for tokens live in the state folder.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The objects: "kubernetes" or "dir:FOLDER"
    #[arg(long, env = "HEDDLE_SOURCE", default_value = "kubernetes")]
    source: Source,
    /// The folder of the authority and the token key; made at the first start
    #[arg(long, env = "HEDDLE_STATE", value_name = "FOLDER", default_value = "state")]
    state: PathBuf,
    /// A folder with an authority made elsewhere: tls.crt and tls.key sign, ca.crt is trusted
    #[arg(long, env = "HEDDLE_AUTHORITY", value_name = "FOLDER")]
    authority: Option<PathBuf>,
    /// The address at which proxies and agents are served, over TLS
    #[arg(long, env = "HEDDLE_LISTEN", value_name = "ADDRESS", default_value = "[::]:15012", value_parser = super::address::listen)]
    listen: SocketAddr,
    /// The address at which the admin pages are served: /live, /ready, /metrics, and /debug to loopback
    #[arg(long, env = "HEDDLE_ADMIN", value_name = "ADDRESS", default_value = "127.0.0.1:15014", value_parser = super::address::listen)]
    admin: SocketAddr,
    /// The namespace that the controller runs in: part of the names in its certificate
    #[arg(long, env = "HEDDLE_NAMESPACE", default_value = super::NAMESPACE)]
    namespace: String,
    /// The cluster's DNS domain: part of the names in its certificate
    #[arg(long, env = "HEDDLE_CLUSTER_DOMAIN", default_value = "cluster.local")]
    cluster_domain: String,
    /// The time that workload certificates live; agents renew at two thirds of it
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = super::duration::parse)]
    certificate_lifetime: Duration,
    /// The time that streams may take to end on SIGTERM
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = super::duration::parse)]
    drain: Duration,
    /// Let proxies bind virtual IPs in networks of their own (bound:NETWORK); always so with a folder
    #[arg(long)]
    own_networks: bool,
    /// Another name for the controller's certificate: what linkerd2-proxies are set to expect
    /// (linkerd-destination.linkerd.serviceaccount.identity.linkerd.cluster.local); may be repeated
    #[arg(long = "serving-name", env = "HEDDLE_SERVING_NAMES", value_name = "NAME", value_delimiter = ',')]
    serving_names: Vec<String>,
    /// The fields of Mesh/default that this installation states, as the JSON of its spec: the leader applies them
    #[arg(long, env = "HEDDLE_MESH", value_name = "JSON")]
    mesh: Option<MeshValues>,
    #[command(flatten)]
    injector: injector::Injector,
    /// The log filter, as "info" or "info,heddle_serve=debug"; changes at run time with PUT /debug/log?filter=
    #[arg(long, env = "HEDDLE_LOG", default_value = "info")]
    log: String,
    /// The format of log lines
    #[arg(long, env = "HEDDLE_LOG_FORMAT", value_enum, default_value_t)]
    log_format: crate::log::Format,
}

impl Args {
    /// Returns the settings of the injector of a controller that was started so, if it has one.
    pub(super) fn injector_settings(self) -> Option<InjectorSettings> {
        let webhook = self.injector.webhook(&self.namespace, &self.cluster_domain).ok()??;
        Some(webhook.settings)
    }
}

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn run(args: Args) -> Result<()> {
    let Args {
        source,
        state,
        authority,
        listen,
        admin,
        namespace,
        cluster_domain,
        certificate_lifetime,
        drain,
        own_networks,
        serving_names,
        mesh,
        injector,
        log,
        log_format,
    } = args;
    let pod_roots = injector.roots_from();
    let webhook = injector.webhook(&namespace, &cluster_domain)?;
    ensure!(certificate_lifetime >= Duration::from_secs(5), "--certificate-lifetime must be at least 5s");
    ensure!(
        certificate_lifetime <= Duration::from_secs(30 * 24 * 3600),
        "--certificate-lifetime must be at most 720h"
    );
    let log = crate::log::start(&log, log_format)?;
    serve(
        Config {
            source,
            state,
            authority,
            listen,
            admin,
            namespace,
            cluster_domain,
            certificate_lifetime,
            drain,
            own_networks,
            serving_names,
            mesh,
            webhook,
            pod_roots,
        },
        log,
    )
    .await
}

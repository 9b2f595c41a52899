//! Beside a linkerd2-proxy, which gets and renews its certificates itself: what it wants to find when it starts.
//!
//! It makes no key and reads its trust anchors once, from the environment. So both are fixed for the life of the
//! child: a new key and new anchors come with a restart.

mod environment;
mod key;

pub use crate::config::{Given, Sidecar};
pub use environment::{Settings, VARIABLES};

use crate::Error;
use crate::application;
use crate::child::Supervisor;
use crate::config::Config;
use crate::csr_client::{self, NoAnswer};
use crate::health::delays;
use crate::metrics::{self, Metrics};
use crate::probe::{self, Probe};
use crate::progress::Progress;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use std::ffi::OsString;
use std::net::SocketAddr;
use tokio::sync::watch;

/// Writes the key, and runs `command` with the environment that a linkerd2-proxy expects.
pub(crate) async fn run(
    supervisor: Supervisor,
    sidecar: Sidecar,
    command: Vec<OsString>,
) -> Result<u8, Error> {
    let config = supervisor.config.clone();
    let folder = key::write(&config.folder, &sidecar.identity)?;
    if command.is_empty() {
        return Ok(0);
    }
    let probe = Probe::bind(config.probe).await?;
    let beside = ProxyReadiness { progress: supervisor.progress.subscribe(), admin: sidecar.admin };
    let metrics = Metrics {
        own: None,
        proxy: Some((sidecar.admin, "/metrics")),
        application: config.application.clone(),
    };
    let all =
        pages(beside).merge(metrics::page(metrics)).merge(application::pages(config.application.clone()));
    let serving = tokio::spawn(probe.serve(all));
    let prepared = async {
        let anchors = readable(&config).await;
        Settings { config: &config, sidecar: &sidecar, folder: &folder, anchors: &anchors }.environment()
    };
    let code = supervisor.run(command, prepared).await;
    serving.abort();
    Ok(code?)
}

/// Waits until the roots and the token can be read. Returns the roots: a proxy that started without them, or
/// without a token, would end at once.
async fn readable(config: &Config) -> String {
    let mut delays = delays(None);
    let mut told = String::new();
    loop {
        match read(config).await {
            Ok(anchors) => return anchors,
            Err(failure) => {
                let reason = failure.to_string();
                if reason != told {
                    tracing::warn!(reason, "proxy cannot start yet, will retry");
                    told = reason;
                }
            }
        }
        tokio::time::sleep(delays.next().expect("delays never end")).await;
    }
}

async fn read(config: &Config) -> Result<String, NoAnswer> {
    csr_client::authorization(&config.token).await?;
    Ok(csr_client::anchors(&config.trust_anchors).await?.pem().to_string())
}

#[derive(Clone)]
struct ProxyReadiness {
    progress: watch::Receiver<Progress>,
    admin: SocketAddr,
}

/// The pages about the proxy.
fn pages(beside: ProxyReadiness) -> Router {
    probe::live().merge(Router::new().route("/ready", get(ready)).with_state(beside))
}

/// The proxy is ready once it has a certificate.
async fn ready(State(ProxyReadiness { progress, admin }): State<ProxyReadiness>) -> (StatusCode, String) {
    let waits_for = progress.borrow().child.waits_for();
    if waits_for.is_some() {
        return probe::readiness(waits_for);
    }
    probe::proxy_readiness(admin).await
}

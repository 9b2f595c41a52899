//! Beside a workload: a key that never leaves the machine, certificate files that are always fresh, and a
//! child process (its proxy) that is started when they are there. A linkerd2-proxy gets certificates itself: it is
//! given a key, a request, and an environment.
//!
//! ```text
//!              ┌─ ask ◀──── token file, trust anchors ──▶ controller
//! run ─▶ keep ─┼─ files ──▶ certs/{tls.key,tls.crt,ca.crt}, then sds/{identity,roots}.yaml
//!      │       └─ health ─▶ one log line per change of state
//!      ├─▶ linkerd (instead of keep) ──▶ identity/{key.p8,csr.der}, environment
//!      ├─▶ child ──▶ starts once the files are there; signals; drain; exit code
//!      └─▶ probe ──▶ /live, /ready; metrics ──▶ /metrics; application ──▶ /probe/CONTAINER/HANDLER
//! ```
//!
//! What is in use is never given up for something worse: an answer is read and checked before it replaces a
//! file, and a controller that is away changes nothing but the time left.

mod admin;
pub mod application;
mod child;
mod clock;
pub mod config;
mod csr_client;
pub mod descriptors;
mod drain;
mod envoy_arguments;
mod exchange;
mod files;
mod health;
pub mod linkerd;
mod metrics;
pub mod private;
mod probe;
mod progress;
mod renewal;
mod sds;
mod signals;

pub use child::BadChild;
pub use config::{Config, Proxy};
pub use drain::drain_inbound;
pub use private::BadFolder;

use std::ffi::OsString;
use std::net::SocketAddr;
use tokio::sync::watch;

/// The reason for which an agent could not start, or its child could not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder for certificates cannot be used.
    #[error(transparent)]
    Folder(#[from] BadFolder),
    /// The identity is no name.
    #[error(transparent)]
    Name(#[from] heddle_ca::NotAscii),
    /// The command cannot be started.
    #[error(transparent)]
    Child(#[from] BadChild),
    /// The address for the readiness endpoint is taken, or not ours.
    #[error("cannot listen on {address} for probes: {error}")]
    Probe {
        /// The address.
        address: std::net::SocketAddr,
        /// The system's error.
        error: std::io::Error,
    },
    /// The process may not install signal handlers.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

/// Keeps certificates fresh, and runs `command` (if there is one) beside them until it ends.
///
/// The child starts once the certificates are there (a linkerd2-proxy: its key and what verifies the controller),
/// with the folder as its working directory. Returns the code to exit with: the child's, or 128 and the number of
/// the signal that ended it. Without a command, it runs until SIGTERM or SIGINT and returns 0; beside no
/// linkerd2-proxy there is nothing to keep, so then it returns once the key is written.
///
/// # Errors
/// Only what trying again cannot heal: a folder that cannot be written, a command that does not start. A
/// controller that is away or refuses is asked again for ever.
pub async fn run(config: Config, command: Vec<OsString>) -> Result<u8, Error> {
    // Before anything else: a signal that comes while the first certificate is awaited is not lost.
    let signals = signals::Signals::listen().map_err(Error::Signals)?;
    descriptors::raise();
    let (progress, _) = watch::channel(progress::Progress::default());
    let supervisor = child::Supervisor { config, signals, progress };
    match supervisor.config.proxy.clone() {
        config::Proxy::Files { seed, envoy_admin } => {
            beside_files(supervisor, seed, envoy_admin, command).await
        }
        config::Proxy::Linkerd(sidecar) => linkerd::run(supervisor, sidecar, command).await,
    }
}

async fn beside_files(
    supervisor: child::Supervisor,
    seed: u32,
    envoy_admin: Option<SocketAddr>,
    command: Vec<OsString>,
) -> Result<u8, Error> {
    let child::Supervisor { config, progress, .. } = &supervisor;
    let left = renewal::Left::open(&config.folder)?;
    let probe = probe::Probe::bind(config.probe).await?;
    let metrics = metrics::Metrics {
        own: Some(progress.subscribe()),
        proxy: envoy_admin.map(|admin| (admin, "/stats/prometheus")),
        application: config.application.clone(),
    };
    let pages = probe::pages(progress.subscribe(), envoy_admin).merge(metrics::page(metrics));
    let serving = tokio::spawn(probe.serve(pages.merge(application::pages(config.application.clone()))));
    let mut keeping = tokio::spawn(renewal::keep(config.clone(), seed, left, progress.clone()));
    let mut watched = progress.subscribe();
    let issued = async move {
        let issued = watched.wait_for(|progress| progress.certificate_ends.is_some()).await;
        issued.expect("whoever waits holds a sender");
        child::Environment::new()
    };
    let code = tokio::select! {
        code = supervisor.run(command, issued) => code,
        // A child without anybody who renews its certificate must not go on as if all were well.
        Err(ended) = &mut keeping => std::panic::resume_unwind(ended.into_panic()),
    };
    keeping.abort();
    serving.abort();
    Ok(code?)
}

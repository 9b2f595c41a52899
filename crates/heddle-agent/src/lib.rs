//! Beside a workload: a key that never leaves the machine, certificate files that are always fresh, and a
//! child process (its proxy) that is started when they are there.
//!
//! ```text
//!              ┌─ ask ◀──── token file, trust anchors ──▶ controller
//! run ─▶ keep ─┼─ files ──▶ certs/{tls.key,tls.crt,ca.crt}, then sds/{identity,roots}.yaml
//!      │       └─ health ─▶ one log line per change of state
//!      ├─▶ child ──▶ starts once the files are there; signals; drain; exit code
//!      └─▶ probe ──▶ /live, /ready, /metrics
//! ```
//!
//! What is in use is never given up for something worse: an answer is read and checked before it replaces a
//! file, and a controller that is away changes nothing but the time left.

mod ask;
mod child;
mod clock;
pub mod config;
mod drain;
mod files;
mod health;
mod keep;
mod probe;
mod progress;
mod sds;
mod signals;

pub use child::BadChild;
pub use config::Config;
pub use files::BadFolder;

use std::ffi::OsString;
use tokio::sync::watch;

/// Why an agent could not start, or its child could not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder for certificates cannot be used.
    #[error(transparent)]
    Folder(#[from] BadFolder),
    /// The command cannot be started.
    #[error(transparent)]
    Child(#[from] BadChild),
    /// The address for the readiness endpoint is taken, or not ours.
    #[error("cannot listen on {address} for probes: {error}")]
    Probe {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// The process may not install signal handlers.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

/// Keeps certificates fresh, and runs `command` (if there is one) beside them until it ends.
///
/// The child starts once the certificates are there, with the folder as its working directory. Returns the
/// code to exit with: the child's, or 128 and the number of the signal that ended it. Without a command, it
/// runs until SIGTERM or SIGINT and returns 0.
///
/// # Errors
/// Only what trying again cannot heal: a folder that cannot be written, a command that does not start. A
/// controller that is away or refuses is asked again for ever.
pub async fn run(config: Config, command: Vec<OsString>) -> Result<u8, Error> {
    // Before anything else: a signal that comes while the first certificate is awaited is not lost.
    let signals = signals::Signals::listen().map_err(Error::Signals)?;
    let folder = files::Folder::open(&config.folder)?;
    let (progress, watched) = watch::channel(progress::Progress::default());
    let probe = probe::Probe::bind(config.probe).await?;
    let serving = tokio::spawn(probe.serve(watched.clone()));
    let mut keeping = tokio::spawn(keep::keep(config.clone(), folder, progress.clone()));
    let code = tokio::select! {
        code = child::run(&config, command, signals, progress, watched) => code,
        // A child without anybody who renews its certificate must not go on as if all were well.
        Err(ended) = &mut keeping => std::panic::resume_unwind(ended.into_panic()),
    };
    keeping.abort();
    serving.abort();
    Ok(code?)
}

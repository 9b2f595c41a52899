//! `heddle agent verify`: the proof that a Pod's traffic is captured.

use super::capture::Rules;
use anyhow::{Context, Result};
use heddle_capture::{Capture, prove};
use std::time::{Duration, Instant};

/// The time between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// Wait until this network namespace's TCP traffic is led to its proxy, and end; fail if it is not in time.
///
/// For the first container of a Pod whose node captures its traffic (heddle cni): no right is needed. Dials an address of
/// documentation and waits for itself at the proxy's port, so the proxy must not run yet, and the user must not be the proxy's.
/// The node finds a Pod that it has missed by this process.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    rules: Rules,
    /// The time to wait
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = super::duration::parse)]
    timeout: Duration,
}

impl Args {
    /// Returns what is waited for.
    pub(crate) fn capture(self) -> Capture {
        self.rules.capture()
    }
}

/// Tries until it is proven or the time is up.
pub(crate) async fn run(args: Args) -> Result<()> {
    let end = Instant::now() + args.timeout;
    let capture = args.capture();
    let mut told = false;
    loop {
        let attempt = capture.clone();
        let proven = tokio::task::spawn_blocking(move || prove(&attempt)).await?;
        let Err(failure) = proven else { return Ok(()) };
        if Instant::now() > end {
            let remedy =
                "traffic is not captured: does heddle-cni run on this node? See its DaemonSet's logs";
            return Err(failure).context(remedy);
        }
        if !std::mem::replace(&mut told, true) {
            eprintln!("heddle: waiting for the node to capture this Pod's traffic: {failure}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

//! `heddle cni`: the CNI plugin of a node.

use super::copy;
use crate::signals::Ends;
use anyhow::{Context, Result};
use clap::Subcommand;
use heddle_capture::Capture;
use heddle_capture::cni::{Installation, Provers};
use std::path::PathBuf;
use std::time::Duration;

/// The time between two looks at the node.
const PAUSE: Duration = Duration::from_secs(1);

/// Keep the CNI plugin that captures Pods' traffic on a node.
///
/// The plugin is this program under another name, heddle-cni. It captures the traffic of Pods that the injector has
/// annotated, so that no container of theirs needs NET_ADMIN. It asks nobody: the runtime hands it a Pod's annotations.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install the plugin and keep it there until SIGTERM; what a Pod has missed is captured in place
    ///
    /// Needs the node's network and process namespaces, CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_NET_ADMIN. The plugin stays when
    /// this ends, so that no Pod starts uncaptured while it is replaced.
    Install {
        #[command(flatten)]
        node: NodeFolders,
        #[command(flatten)]
        log: Log,
    },
    /// Take the plugin off the node, and wait until SIGTERM
    Remove {
        #[command(flatten)]
        node: NodeFolders,
        #[command(flatten)]
        log: Log,
    },
    /// Fail unless the plugin is there and the runtime calls it
    Check {
        #[command(flatten)]
        node: NodeFolders,
    },
}

#[derive(clap::Args)]
struct NodeFolders {
    /// The folder of the runtime's network configurations
    #[arg(long, env = "HEDDLE_CNI_CONF_DIR", value_name = "FOLDER", default_value = "/etc/cni/net.d")]
    conf_dir: PathBuf,
    /// The folder of the runtime's plugins
    #[arg(long, env = "HEDDLE_CNI_BIN_DIR", value_name = "FOLDER", default_value = "/opt/cni/bin")]
    bin_dir: PathBuf,
}

#[derive(clap::Args)]
struct Log {
    /// The log filter
    #[arg(long, env = "HEDDLE_LOG", default_value = "info")]
    log: String,
    /// The format of log lines
    #[arg(long, env = "HEDDLE_LOG_FORMAT", value_enum, default_value_t)]
    log_format: crate::log::Format,
}

impl NodeFolders {
    fn installation(self) -> Installation {
        Installation { configurations: self.conf_dir, programs: self.bin_dir }
    }
}

/// Does what the subcommand says.
pub(crate) async fn run(args: Args) -> Result<()> {
    match args.task {
        Task::Install { node, log } => {
            crate::log::start(&log.log, log.log_format)?;
            install(&node.installation()).await
        }
        Task::Remove { node, log } => {
            crate::log::start(&log.log, log.log_format)?;
            let mut ends = Ends::listen()?;
            let changed = node.installation().remove()?;
            let changed = changed.map(|path| path.display().to_string());
            tracing::info!(changed = changed.as_deref().unwrap_or("nothing"), "the plugin is removed");
            ends.wait().await;
            Ok(())
        }
        Task::Check { node } => Ok(node.installation().check()?),
    }
}

async fn install(node: &Installation) -> Result<()> {
    copy::replace(&std::env::current_exe()?, &node.program()).context("cannot install the plugin")?;
    let mut provers = Provers::of_node().context("cannot see the node's network namespace")?;
    let mut failure = String::new();
    let mut ends = Ends::listen()?;
    loop {
        let state = node.add_entry();
        match &state {
            Ok(Some(path)) => tracing::info!(path = %path.display(), "the runtime calls the plugin"),
            Ok(None) => {}
            Err(error) if error.to_string() != failure => {
                tracing::warn!(%error, "the runtime calls no plugin, will retry")
            }
            Err(_) => {}
        }
        failure = state.err().map(|error| error.to_string()).unwrap_or_default();
        provers.repair(waited_for).context("cannot list processes")?;
        tokio::select! {
            () = ends.wait() => return Ok(()),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// Returns what a prover waits for, by its command line.
fn waited_for(arguments: &[&str]) -> Option<Capture> {
    let ours = matches!(arguments, [program, "agent", "verify", ..] if program.ends_with("/heddle"));
    if ours { super::waited_for(arguments) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prover_is_known_by_its_arguments() {
        let waited = waited_for(&[
            "/usr/local/bin/heddle",
            "agent",
            "verify",
            "--uid=7",
            "--skip-inbound-ports=1,3-4",
        ]);
        let waited = waited.expect("a prover");
        assert_eq!((waited.users, waited.skip_inbound), (7..=7, vec![1..=1, 3..=4]));
        for others in [
            &["/usr/local/bin/heddle", "agent", "capture"][..],
            &["/bin/other", "agent", "verify"],
            &["/usr/local/bin/heddle", "agent", "verify", "--uid=none"],
            &[],
        ] {
            assert_eq!(waited_for(others), None, "{others:?}");
        }
    }
}

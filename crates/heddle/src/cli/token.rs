//! `heddle token`: tokens for workloads outside Kubernetes.

use crate::state::{State, token_rules};
use anyhow::{Context, Result, bail};
use heddle_agent::private::{self, Access};
use heddle_ca::token::{Grant, issue};
use heddle_model::{Identity, Name, WorkloadKey, WorkloadKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Make tokens by which workloads outside Kubernetes prove who they are.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Create(Create),
}

/// Make a token for one ExternalWorkload, signed by the key in the state folder.
///
/// The token is as good as the workload's identity until it expires: write it where only the agent reads.
#[derive(clap::Args)]
struct Create {
    /// The controller's state folder
    #[arg(long, env = "HEDDLE_STATE")]
    state: PathBuf,
    /// The workload: external/NAMESPACE/NAME
    #[arg(long)]
    workload: WorkloadKey,
    /// The workload's ServiceAccount, if it is not called as the workload
    #[arg(long)]
    service_account: Option<String>,
    /// The time that the token is good, as 90s, 15m, 24h
    #[arg(long, default_value = "24h", value_parser = super::duration::parse)]
    lifetime: Duration,
    /// Write here, readable by the owner only, instead of to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Makes one.
pub(crate) fn run(args: Args) -> Result<()> {
    let Command::Create(Create { state, workload, service_account, lifetime, output }) = args.command;
    if workload.kind != WorkloadKind::External {
        bail!(
            "{workload} is no ExternalWorkload of heddle.dev: a Pod's token is made by Kubernetes (a projected volume with audience \"heddle\")"
        );
    }
    let account = service_account.map_or_else(|| workload.name.clone(), Name::from);
    let identity = Identity::new(workload.namespace.clone(), account)?;
    let grant = Grant { identity, external_workload: workload.name, lifetime };
    let key = State::open(&state)?.token_key()?;
    let token = issue(&key, &grant, &token_rules(), SystemTime::now());
    match output {
        None => super::print(&format!("{token}\n")),
        Some(path) => write(&path, &token),
    }
}

/// Whoever reads the file meanwhile finds the whole token that was there before, or the whole new one.
fn write(path: &Path, token: &str) -> Result<()> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("{} names no file", path.display()))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(private::replace(folder, name, token.as_bytes(), Access::Owner)?)
}

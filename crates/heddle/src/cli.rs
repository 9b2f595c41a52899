//! The command line. One module per command; each has its arguments and a `run`.

mod address;
mod agent;
mod bootstrap;
mod capture;
mod check;
mod check_inject;
mod cni;
mod completion;
mod controller;
mod copy;
mod drain;
pub(crate) mod duration;
mod explain;
mod files;
mod lint;
mod output;
mod proxies;
mod query;
mod render;
mod sidecar;
mod token;
mod uninstall;
mod verify;
mod version;

use crate::demo;
use anyhow::Result;
use clap::{CommandFactory as _, FromArgMatches as _, Parser as _, Subcommand};
use heddle_admission::InjectorSettings;
use heddle_capture::Capture;
use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// The address at which the controller serves proxies, unless said otherwise.
const CONTROLLER: &str = "heddle.heddle-system.svc:15012";
/// The name in the controller's certificate, unless said otherwise.
pub const SERVER_NAME: &str = "heddle.heddle-system.svc";
/// The MutatingWebhookConfiguration of the injector, unless said otherwise.
const WEBHOOK: &str = "heddle-injector";
/// The ValidatingWebhookConfiguration of the chart.
const VALIDATOR: &str = "heddle-validator";
/// The namespace of the controller, unless said otherwise.
const NAMESPACE: &str = "heddle-system";

/// A service-mesh control plane for Kubernetes.
///
/// Watches Services and Pods, computes routing and identity, issues workload certificates from its own
/// authority, and streams configuration to unmodified proxies.
#[derive(clap::Parser)]
#[command(name = "heddle", version, max_term_width = 100, propagate_version = true)]
pub struct Heddle {
    #[command(subcommand)]
    command: Command,
}

impl Heddle {
    /// Reads the arguments of the process. Help and errors name the program as it is called: a plugin of kubectl is started
    /// under a name of its own. Ends the process where the arguments are none, or ask for help.
    pub fn called(name: &OsStr) -> Self {
        let mut command = Self::command();
        if name == "kubectl-heddle" {
            command = command.bin_name("kubectl heddle");
        }
        let read = Self::from_arg_matches(&command.get_matches());
        read.unwrap_or_else(|error| error.exit())
    }
}

#[derive(Subcommand)]
enum Command {
    Controller(Box<controller::Args>),
    Agent(Box<agent::Args>),
    Explain(Box<explain::Args>),
    Check(check::Args),
    CheckInject(check_inject::Args),
    Lint(lint::Args),
    Render(render::Args),
    Proxies(proxies::Args),
    Bootstrap(Box<bootstrap::Args>),
    Uninstall(uninstall::Args),
    Cni(cni::Args),
    Token(token::Args),
    Demo(demo::Args),
    #[command(hide = true)]
    DemoApp(demo::app::Args),
    #[command(hide = true)]
    DemoCaller(demo::caller::Args),
    Version(version::Args),
    Completion(completion::Args),
}

/// Returns the settings of the injector of a controller, by the arguments of its container; nothing where this command does
/// not know them, as of another version.
fn injector_settings(arguments: &[&str]) -> Option<InjectorSettings> {
    let parsed = Heddle::try_parse_from(std::iter::once("heddle").chain(arguments.iter().copied())).ok()?;
    let Command::Controller(args) = parsed.command else { return None };
    args.injector_settings()
}

/// Returns what an agent that verifies a Pod's capture waits for, by its command line; nothing where it is another command.
fn waited_for(arguments: &[&str]) -> Option<Capture> {
    let Command::Agent(args) = Heddle::try_parse_from(arguments).ok()?.command else { return None };
    if let agent::Args::Verify(args) = *args { Some(args.capture()) } else { None }
}

/// Runs one command. Exits with 0, with 1 and a sentence on standard error, or with the child's status.
pub fn run(heddle: Heddle) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    let done = runtime.block_on(dispatch(heddle.command));
    // Blocking reads of a watcher must not keep an ended command alive.
    runtime.shutdown_background();
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("heddle: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> Result<ExitCode> {
    let done = |()| ExitCode::SUCCESS;
    match command {
        Command::Controller(args) => controller::run(*args).await.map(done),
        Command::Agent(args) => agent::run(*args).await,
        Command::Check(args) => check::run(args).await,
        Command::CheckInject(args) => check_inject::run(&args),
        Command::Explain(args) => explain::run(*args).await,
        Command::Lint(args) => lint::run(args).await,
        Command::Render(args) => render::run(args).await.map(done),
        Command::Proxies(args) => proxies::run(args).await.map(done),
        Command::Bootstrap(args) => bootstrap::run(*args).map(done),
        Command::Uninstall(args) => uninstall::run(args).await.map(done),
        Command::Cni(args) => cni::run(args).await.map(done),
        Command::Token(args) => token::run(args).map(done),
        Command::Demo(args) => demo::run(args).await.map(done),
        Command::DemoApp(args) => demo::app::run(args).await.map(done),
        Command::DemoCaller(args) => demo::caller::run(args).await.map(done),
        Command::Version(args) => version::run(&args).map(done),
        Command::Completion(args) => completion::run(&args).map(done),
    }
}

/// Writes to standard output. A reader that has gone (`heddle render … | head`) is no error.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

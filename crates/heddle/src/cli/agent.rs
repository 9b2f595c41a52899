//! `heddle agent`: certificates for one workload, and its proxy beside them.

use super::address::{self, HostPort};
use super::sidecar::{self, For};
use super::{capture, copy, drain, files, verify};
use crate::bootstrap::{Bootstrap, Variant};
use anyhow::{Context, Result};
use clap::{ArgMatches, Command, FromArgMatches};
use heddle_agent::application::{Application, Handlers, MetricsPage};
use heddle_agent::{Config, Proxy};
use heddle_model::WorkloadKey;
use heddle_xds::Capture;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

/// Envoy's admin address where nobody names one.
pub(super) const ENVOY_ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 15000);
/// The port of Envoy's statistics, which capture leaves alone.
const ENVOY_STATS: u16 = 15090;

const EXAMPLES: &str = "Examples:\n  \
    heddle agent --workload pod/shop/web-0 --dir /var/run/heddle -- envoy -c bootstrap.json\n  \
    heddle agent --for linkerd --workload external/shop/web --address 10.1.0.4 --port 8080 -- linkerd2-proxy";

/// The task for which an agent is started.
pub(crate) enum Args {
    Run(Box<Run>),
    Capture(capture::Args),
    Copy(copy::Args),
    Drain(drain::Args),
    Verify(verify::Args),
}

/// Keep a workload's certificates fresh, and run its proxy beside them.
///
/// Makes a key that never leaves the machine, gets a certificate for it from the controller, writes both for
/// Envoy's file-based SDS below --dir, and starts the command in that folder once they are there. Passes
/// signals on, drains on SIGTERM, and exits as the command does. An Envoy is started with
/// `--drain-strategy immediate --drain-time-s 30` unless the command says otherwise, so that a connection of bytes
/// outlives a change of its policies by 30 seconds at most.
///
/// With --for linkerd the command is a linkerd2-proxy, which gets its certificates itself: key and request are
/// written below --dir, and the command is started with the environment that it expects (see --help).
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", sidecar::help()))]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Run {
    /// The proxy that the command is
    #[arg(long = "for", value_enum, default_value_t)]
    proxy: For,
    /// The workload: pod/NAMESPACE/NAME or external/NAMESPACE/NAME
    #[arg(long, env = "HEDDLE_WORKLOAD")]
    workload: WorkloadKey,
    /// The address at which the controller serves agents: HOST:PORT
    #[arg(long, env = "HEDDLE_CONTROLLER", default_value = super::CONTROLLER)]
    controller: HostPort,
    /// The name in the controller's certificate
    #[arg(long, env = "HEDDLE_SERVER_NAME", default_value = super::SERVER_NAME)]
    server_name: String,
    #[command(flatten)]
    files: files::Files,
    /// The address at which /live, /ready and /metrics are served
    #[arg(long, env = "HEDDLE_AGENT_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:15020", value_parser = address::listen)]
    listen: SocketAddr,
    /// Probes and hooks of the application that are asked of --listen at /probe/CONTAINER/HANDLER, as the injector writes
    /// them: JSON, by CONTAINER/HANDLER, with port and httpGet, tcpSocket or grpc
    #[arg(
        long,
        env = "HEDDLE_HANDLERS",
        value_name = "JSON",
        default_value = "{}",
        hide_default_value = true
    )]
    handlers: Handlers,
    /// The page of the application's metrics, which --listen shows at /metrics with the proxy's and its own, as the injector
    /// writes it: JSON, with port, path and scheme (HTTP or HTTPS)
    #[arg(long, env = "HEDDLE_METRICS_PAGE", value_name = "JSON")]
    metrics_page: Option<MetricsPage>,
    /// The address at which --handlers and --metrics-page find the application
    #[arg(long, env = "HEDDLE_POD_IP", value_name = "IP", default_value = "127.0.0.1")]
    pod_ip: IpAddr,
    /// Envoy's admin address, which is told when a drain begins
    #[arg(long, value_name = "ADDRESS")]
    envoy_admin: Option<SocketAddr>,
    /// Write an Envoy's bootstrap as bootstrap.json into --dir before the command starts, for captured traffic; with
    /// its statistics for Prometheus on port 15090. For another, see heddle bootstrap
    #[arg(long)]
    bootstrap: bool,
    /// The time that the command goes on serving after SIGTERM; an Envoy with --envoy-admin ends as soon as nothing is under way
    #[arg(long, value_name = "DURATION", value_parser = super::duration::parse)]
    drain: Option<Duration>,
    /// The time that the command may take to end before it is killed
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = super::duration::parse)]
    grace: Duration,
    /// The log filter
    #[arg(long, env = "HEDDLE_LOG", default_value = "info")]
    log: String,
    /// The format of log lines
    #[arg(long, env = "HEDDLE_LOG_FORMAT", value_enum, default_value_t)]
    log_format: crate::log::Format,
    #[command(flatten)]
    sidecar: sidecar::Workload,
    /// The command, as `-- envoy -c bootstrap.json`
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs until the command ends, or until SIGTERM where there is none; or does what the subcommand says.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    match args {
        Args::Capture(args) => capture::run(args).map(|()| ExitCode::SUCCESS),
        Args::Copy(args) => copy::run(&args).map(|()| ExitCode::SUCCESS),
        Args::Drain(args) => drain::run(&args).await.map(|()| ExitCode::SUCCESS),
        Args::Verify(args) => verify::run(args).await.map(|()| ExitCode::SUCCESS),
        Args::Run(args) => supervise(*args).await,
    }
}

async fn supervise(args: Run) -> Result<ExitCode> {
    crate::log::start(&args.log, args.log_format)?;
    if args.bootstrap {
        write_bootstrap(&args)?;
    }
    let proxy = match args.proxy {
        For::Envoy => Proxy::Files { seed: seed(&args.workload), envoy_admin: args.envoy_admin },
        For::Linkerd => Proxy::Linkerd(args.sidecar.of(args.workload, sidecar::given())?),
    };
    let config = Config {
        folder: args.files.dir,
        controller: args.controller.to_string(),
        server_name: args.server_name,
        trust_anchors: args.files.roots,
        token: args.files.token,
        proxy,
        probe: Some(args.listen),
        application: Application {
            address: args.pod_ip,
            handlers: args.handlers,
            metrics: args.metrics_page,
        },
        drain: args.drain.unwrap_or_default(),
        grace: args.grace,
    };
    Ok(ExitCode::from(heddle_agent::run(config, args.command).await?))
}

/// The folder is made as the agent makes it: its user's alone.
fn write_bootstrap(args: &Run) -> Result<()> {
    let bootstrap = Bootstrap {
        workload: args.workload.clone(),
        controller: (args.controller.host.clone(), args.controller.port),
        server_name: args.server_name.clone(),
        capture: Capture::Captured.to_string(),
        admin: args.envoy_admin.unwrap_or(ENVOY_ADMIN),
        stats: Some(address::every(ENVOY_STATS)),
        variant: Variant::default(),
    };
    let path = heddle_agent::private::open(&args.files.dir)?.join("bootstrap.json");
    std::fs::write(&path, format!("{:#}\n", bootstrap.json()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The arguments of an agent that runs are required only where there is no subcommand, which clap cannot derive.
impl FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand() {
            Some(("copy", matches)) => copy::Args::from_arg_matches(matches).map(Self::Copy),
            Some(("drain", matches)) => drain::Args::from_arg_matches(matches).map(Self::Drain),
            Some(("verify", matches)) => verify::Args::from_arg_matches(matches).map(Self::Verify),
            Some((_, matches)) => capture::Args::from_arg_matches(matches).map(Self::Capture),
            None => Run::from_arg_matches(matches).map(Box::new).map(Self::Run),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Args {
    fn augment_args(command: Command) -> Command {
        let capture = <capture::Args as clap::Args>::augment_args(Command::new("capture"));
        let copy = <copy::Args as clap::Args>::augment_args(Command::new("copy"));
        let drain = <drain::Args as clap::Args>::augment_args(Command::new("drain"));
        let verify = <verify::Args as clap::Args>::augment_args(Command::new("verify"));
        <Run as clap::Args>::augment_args(command).subcommands([capture, copy, drain, verify])
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Spreads renewals over workloads, the same at every start.
fn seed(workload: &WorkloadKey) -> u32 {
    let hash = blake3::hash(workload.to_string().as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

//! `heddle bootstrap`: prints an Envoy bootstrap.

use super::address::HostPort;
use crate::bootstrap::{Bootstrap, Variant};
use anyhow::{Context, Result};
use heddle_model::WorkloadKey;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Print an Envoy bootstrap for one workload.
///
/// Envoy must run in the folder that `heddle agent` keeps: certificates are named relative to it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The workload beside which the proxy runs: pod/NAMESPACE/NAME or external/NAMESPACE/NAME
    #[arg(long, env = "HEDDLE_WORKLOAD")]
    workload: WorkloadKey,
    /// Where the controller serves proxies: HOST:PORT
    #[arg(long, env = "HEDDLE_CONTROLLER", default_value = super::CONTROLLER)]
    controller: HostPort,
    /// The name in the controller's certificate
    #[arg(long, env = "HEDDLE_SERVER_NAME", default_value = super::SERVER_NAME)]
    server_name: String,
    /// How traffic reaches the proxy: captured (redirected to 15001 and 15006), bound (it binds virtual
    /// IPs), or bound:NETWORK (it binds them moved into a network of its own)
    #[arg(long, default_value = "captured")]
    capture: heddle_xds::Capture,
    /// Where Envoy's admin pages listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:15000")]
    admin: SocketAddr,
    /// Where Envoy's Prometheus statistics are served; nowhere if not given
    #[arg(long, value_name = "ADDRESS")]
    stats: Option<SocketAddr>,
    /// The variant of the xDS protocol: delta sends what differs, sotw the state of the world
    #[arg(long, value_enum, default_value_t)]
    variant: Variant,
    /// Write here instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Prints it.
pub(crate) fn run(args: Args) -> Result<()> {
    let Args { workload, controller, server_name, capture, admin, stats, variant, output } = args;
    let controller = (controller.host, controller.port);
    let bootstrap =
        Bootstrap { workload, controller, server_name, capture: capture.to_string(), admin, stats, variant };
    let text = format!("{:#}\n", bootstrap.json());
    match output {
        Some(path) => std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display())),
        None => super::print(&text),
    }
}

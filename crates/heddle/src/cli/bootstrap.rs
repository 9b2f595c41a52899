//! `heddle bootstrap`: prints an Envoy's bootstrap, or a linkerd2-proxy's environment.

mod environment;

use super::address::HostPort;
use super::files;
use super::sidecar::{self, For};
use crate::bootstrap::{Bootstrap, Variant};
use anyhow::{Context, Result, bail};
use heddle_model::WorkloadKey;
use heddle_xds::Capture;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Print what one workload's proxy is started with: an Envoy's bootstrap, or a linkerd2-proxy's environment.
///
/// Envoy must run in the folder that `heddle agent` keeps: certificates are named relative to it. A
/// linkerd2-proxy's environment is printed as a shell reads it; `heddle agent --for linkerd` without a command
/// writes the key that it names, and with one sets all of it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The proxy
    #[arg(long = "for", value_enum, default_value_t)]
    proxy: For,
    /// The workload beside which the proxy runs: pod/NAMESPACE/NAME or external/NAMESPACE/NAME
    #[arg(long, env = "HEDDLE_WORKLOAD")]
    workload: WorkloadKey,
    /// The address at which the controller serves proxies: HOST:PORT
    #[arg(long, env = "HEDDLE_CONTROLLER", default_value = super::CONTROLLER)]
    controller: HostPort,
    /// The name in the controller's certificate
    #[arg(long, env = "HEDDLE_SERVER_NAME", default_value = super::SERVER_NAME)]
    server_name: String,
    /// The capture by which traffic reaches the proxy: captured (redirected to 15001 and 15006), bound (it binds virtual
    /// IPs), or bound:NETWORK (it binds them moved into a network of its own)
    #[arg(long, default_value = "captured")]
    capture: Capture,
    /// The address at which Envoy's admin pages listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:15000")]
    admin: SocketAddr,
    /// The address at which Envoy's Prometheus statistics are served; nowhere if not given
    #[arg(long, value_name = "ADDRESS")]
    stats: Option<SocketAddr>,
    /// The variant of the xDS protocol: delta sends what differs, sotw the state of the world
    #[arg(long, value_enum, default_value_t)]
    variant: Variant,
    #[command(flatten)]
    files: files::Files,
    #[command(flatten)]
    sidecar: sidecar::Workload,
    /// Write here instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Prints it.
pub(crate) fn run(args: Args) -> Result<()> {
    let output = args.output.clone();
    let text = match args.proxy {
        For::Envoy => bootstrap(args)?,
        For::Linkerd => environment::print(args)?,
    };
    match output {
        Some(path) => std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display())),
        None => super::print(&text),
    }
}

fn bootstrap(args: Args) -> Result<String> {
    let Args { workload, controller, server_name, capture, admin, stats, variant, .. } = args;
    if capture == Capture::Captured && variant == Variant::Sotw {
        bail!(
            "--variant sotw needs --capture bound: an Envoy whose traffic is captured asks for what it dials, which takes delta"
        );
    }
    let controller = (controller.host, controller.port);
    let bootstrap =
        Bootstrap { workload, controller, server_name, capture: capture.to_string(), admin, stats, variant };
    Ok(format!("{:#}\n", bootstrap.json()))
}

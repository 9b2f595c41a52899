//! `heddle agent drain`: the hook of a Pod that is deleted.

use anyhow::{Context, Result};
use std::net::SocketAddr;

/// Ask an Envoy to send its inbound connections elsewhere, and end.
///
/// For the preStop hook of an injected container: answers of HTTP/1.1 close their connections, those of HTTP/2 get a GOAWAY.
/// New connections, and everything outbound, are served until the agent ends.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Envoy's admin address
    #[arg(long, value_name = "ADDRESS", default_value_t = super::agent::ENVOY_ADMIN)]
    envoy_admin: SocketAddr,
}

/// Asks once.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let admin = args.envoy_admin;
    heddle_agent::drain_inbound(admin).await.with_context(|| format!("the Envoy at {admin} does not drain"))
}

//! `heddle agent capture`: packet rules that lead a Pod's traffic through its proxy.

use super::sidecar::For;
use anyhow::{Context, Result};
use heddle_capture::{Capture, CapturedBy, Direction, TABLE};
use heddle_model::PortRange;
use heddle_model::capture::PROXY_USER;

/// Lead this network namespace's TCP traffic through its proxy, and end.
///
/// Writes one nftables table over netlink (no `nft` is needed), for IPv4 and IPv6, in one transaction: again is the same,
/// and replaces what was there. Needs CAP_NET_ADMIN. The proxy's own connections, UDP, DNS over TCP and loopback are left
/// alone; so are, inbound, the ports of the agent's probes and the proxy's metrics.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    rules: Rules,
}

/// The traffic that is led to the proxy.
#[derive(clap::Args)]
pub(super) struct Rules {
    /// The proxy that takes the traffic: envoy (ports 15001 and 15006) or linkerd (4140 and 4143)
    #[arg(long = "for", value_enum, default_value_t)]
    proxy: For,
    /// The user that the proxy runs as, whose connections are left alone
    #[arg(long, env = "HEDDLE_PROXY_UID", default_value_t = PROXY_USER)]
    uid: u32,
    /// Ports on which inbound connections go to the application at once: 9090 or 9000-9100, separated by commas
    #[arg(long, env = "HEDDLE_SKIP_INBOUND_PORTS", value_name = "PORTS", value_delimiter = ',')]
    skip_inbound_ports: Vec<PortRange>,
    /// Ports to which outbound connections leave at once: 5432 or 5000-5100, separated by commas
    #[arg(long, env = "HEDDLE_SKIP_OUTBOUND_PORTS", value_name = "PORTS", value_delimiter = ',')]
    skip_outbound_ports: Vec<PortRange>,
}

impl Rules {
    /// Returns the capture.
    pub(super) fn capture(self) -> Capture {
        let ranges = |ports: Vec<PortRange>| ports.into_iter().map(PortRange::ports).collect();
        let proxy = match self.proxy {
            For::Envoy => CapturedBy::Envoy,
            For::Linkerd => CapturedBy::Linkerd,
        };
        Capture {
            proxy,
            users: self.uid..=self.uid,
            skip_inbound: ranges(self.skip_inbound_ports),
            skip_outbound: ranges(self.skip_outbound_ports),
            direction: Direction::Both,
        }
    }
}

/// Writes the rules.
pub(crate) fn run(args: Args) -> Result<()> {
    let capture = args.rules.capture();
    capture.apply().context("traffic is not captured")?;
    tracing::info!(table = TABLE, uid = capture.users.start(), "traffic captured");
    Ok(())
}

//! Packet rules that lead a Pod's TCP traffic through its proxy.
//!
//! ```text
//! application ──▶ output chain ──▶ outbound port of the proxy ──▶ network
//! network ──▶ prerouting chain ──▶ inbound port of the proxy ──▶ application
//! ```
//!
//! The rules are one nftables table, written over netlink in one transaction: it holds whole or not at all, and a
//! second time replaces the first. Before it, `lo` gets the address from which an Envoy dials its application over IPv6. No `nft` is needed, in the image or on the host. UDP is left alone, DNS over TCP too.

mod loopback;
mod netlink;
mod rule;

pub use netlink::CaptureError;

use heddle_model::capture::ENVOY_SOURCES;
use rule::{Chain, Condition, Hook, Rule, Verdict};
use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;

/// The table's name, in family `inet`.
pub const TABLE: &str = "heddle";

/// DNS over TCP is never captured: a resolver may be needed before there is a proxy.
pub(crate) const DNS: u16 = 53;

/// The capture of one network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The proxy that takes the traffic.
    pub proxy: CapturedBy,
    /// The users that the proxy runs as, whose traffic is left alone.
    pub users: RangeInclusive<u32>,
    /// Ports on which inbound connections go to the application at once.
    pub skip_inbound: Vec<RangeInclusive<u16>>,
    /// Ports to which outbound connections leave at once.
    pub skip_outbound: Vec<RangeInclusive<u16>>,
    /// The directions that are captured.
    pub direction: Direction,
}

/// The proxy that takes captured traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapturedBy {
    /// Envoy, at ports 15001 and 15006. Its connections to its own workload's addresses come in through it again.
    Envoy,
    /// linkerd2-proxy, at ports 4140 and 4143. Connections that stay on the machine are the application's own.
    Linkerd,
}

/// The directions that are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Both.
    Both,
    /// Inbound connections alone.
    Inbound,
}

impl CapturedBy {
    pub(crate) fn outbound_port(self) -> u16 {
        match self {
            Self::Envoy => 15001,
            Self::Linkerd => 4140,
        }
    }

    fn inbound_port(self) -> u16 {
        match self {
            Self::Envoy => 15006,
            Self::Linkerd => 4143,
        }
    }

    /// The ports of the agent and the proxy themselves, which others dial for probes and metrics.
    fn own_ports(self) -> [u16; 2] {
        match self {
            Self::Envoy => [15020, 15090],
            Self::Linkerd => [15020, 4191],
        }
    }
}

impl Capture {
    /// Writes the rules into the network namespace of the calling thread. They replace those that were written before.
    ///
    /// # Errors
    /// If the kernel refuses, mostly for a missing `CAP_NET_ADMIN`. Nothing has changed then.
    pub fn apply(&self) -> Result<(), CaptureError> {
        if self.proxy == CapturedBy::Envoy {
            for source in ENVOY_SOURCES {
                if let IpAddr::V6(source) = source {
                    loopback::add(source)?;
                }
            }
        }
        netlink::replace_table(TABLE, &self.chains())
    }

    fn chains(&self) -> [Chain; 2] {
        [
            Chain { name: "outbound", hook: Hook::Output, rules: self.outbound() },
            Chain { name: "inbound", hook: Hook::Prerouting, rules: self.inbound() },
        ]
    }

    fn outbound(&self) -> Vec<Rule> {
        let users = Condition::User(self.users.clone());
        let mut rules = match self.proxy {
            CapturedBy::Envoy => ENVOY_SOURCES.map(|source| self.to_own_workload(source)).into(),
            CapturedBy::Linkerd => vec![Rule::new([Condition::LoopbackOut], Verdict::Return)],
        };
        rules.push(Rule::new([users], Verdict::Return));
        rules.push(Rule::new([Condition::ToLoopback4], Verdict::Return));
        rules.push(Rule::new([Condition::To(Ipv6Addr::LOCALHOST)], Verdict::Return));
        if self.direction == Direction::Inbound {
            return rules;
        }
        rules.extend(skipped([DNS..=DNS].iter().chain(&self.skip_outbound)));
        rules.push(Rule::new([Condition::Tcp], Verdict::Redirect(self.proxy.outbound_port())));
        rules
    }

    /// Returns what a proxy sends to its own workload's address comes in through it, but for what it hands to the application.
    fn to_own_workload(&self, source: IpAddr) -> Rule {
        let (elsewhere, own) = match source {
            IpAddr::V4(source) => (Condition::NotToLoopback4, Condition::NotFrom4(source)),
            IpAddr::V6(source) => (Condition::NotTo(Ipv6Addr::LOCALHOST), Condition::NotFrom6(source)),
        };
        let users = Condition::User(self.users.clone());
        let conditions = [Condition::LoopbackOut, users, elsewhere, own, Condition::Tcp];
        Rule::new(conditions, Verdict::Redirect(self.proxy.inbound_port()))
    }

    fn inbound(&self) -> Vec<Rule> {
        let mut rules = vec![Rule::new([Condition::LoopbackIn], Verdict::Return)];
        let own = self.proxy.own_ports().map(|port| port..=port);
        rules.extend(skipped(own.iter().chain(&self.skip_inbound)));
        rules.push(Rule::new([Condition::Tcp], Verdict::Redirect(self.proxy.inbound_port())));
        rules
    }
}

fn skipped<'a>(ports: impl Iterator<Item = &'a RangeInclusive<u16>> + 'a) -> impl Iterator<Item = Rule> + 'a {
    ports.map(|ports| Rule::new([Condition::TcpPort(ports.clone())], Verdict::Return))
}

//! The capture of a workload's traffic by its proxy.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The capture of a workload's traffic. As text (node metadata `heddle.capture`): `captured`, `bound` or
/// `bound:<network>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capture {
    /// Packet rules redirect what goes out to port 15001 and what comes in to port 15006.
    Captured,
    /// The proxy binds every virtual IP itself, moved into this network if one is given: the host part of the
    /// virtual IP is kept and the network part is the network's (127.1.0.2 in 127.11.0.0/16 is 127.11.0.2). So
    /// several proxies on one host each bind addresses of their own.
    ///
    /// Needs no root and no rules, but only ports from 1024 up can be bound: a Service port below has no
    /// listener. What is dialled by the address of a workload is not seen by the client's proxy.
    Bound(Option<IpNet>),
}

/// The reason for which a text is no [`Capture`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no capture mode, want \"captured\", \"bound\" or \"bound:<network>\" (bound:127.11.0.0/16)"
)]
pub struct BadCapture(pub String);

impl Capture {
    /// Returns where the proxy binds a virtual IP: itself, but where a network is given, moved into it. An address of
    /// the other family than the network's stays where it is.
    pub(crate) fn place(&self, address: IpAddr) -> IpAddr {
        match (self, address) {
            (Self::Bound(Some(IpNet::V4(net))), IpAddr::V4(address)) => moved_v4(*net, address).into(),
            (Self::Bound(Some(IpNet::V6(net))), IpAddr::V6(address)) => moved_v6(*net, address).into(),
            (Self::Captured | Self::Bound(_), address) => address,
        }
    }
}

fn moved_v4(net: Ipv4Net, address: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(net.network().to_bits() | address.to_bits() & net.hostmask().to_bits())
}

fn moved_v6(net: Ipv6Net, address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(net.network().to_bits() | address.to_bits() & net.hostmask().to_bits())
}

impl fmt::Display for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Captured => f.write_str("captured"),
            Self::Bound(None) => f.write_str("bound"),
            Self::Bound(Some(net)) => write!(f, "bound:{net}"),
        }
    }
}

impl FromStr for Capture {
    type Err = BadCapture;

    fn from_str(text: &str) -> Result<Self, BadCapture> {
        let bad = || BadCapture(text.chars().take(64).collect());
        match text.split_once(':') {
            None if text == "captured" => Ok(Self::Captured),
            None if text == "bound" => Ok(Self::Bound(None)),
            Some(("bound", net)) => {
                net.parse().map(|net: IpNet| Self::Bound(Some(net.trunc()))).map_err(|_| bad())
            }
            None | Some(_) => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_reads_back_what_it_prints() {
        for text in ["captured", "bound", "bound:127.11.0.0/16", "bound:fd00::/112"] {
            assert_eq!(text.parse::<Capture>().map(|capture| capture.to_string()), Ok(text.to_string()));
        }
    }

    #[test]
    fn what_is_no_capture_says_what_is_wanted() {
        for text in ["", "redirect", "bound:", "bound:127.0.0.1/99", "captured:127.0.0.0/8"] {
            let want = format!(
                "{text:?} is no capture mode, want \"captured\", \"bound\" or \"bound:<network>\" (bound:127.11.0.0/16)"
            );
            assert_eq!(text.parse::<Capture>().map_err(|e| e.to_string()), Err(want));
        }
    }

    #[track_caller]
    fn place(capture: &str, address: &str, want: &str) {
        let capture: Capture = capture.parse().expect("a capture");
        assert_eq!(capture.place(address.parse().expect("an address")).to_string(), want);
    }

    #[test]
    fn a_virtual_ip_keeps_its_host_part_in_the_proxys_own_network() {
        place("bound", "127.1.0.2", "127.1.0.2");
        place("captured", "10.96.0.10", "10.96.0.10");
        place("bound:127.11.0.0/16", "127.1.0.2", "127.11.0.2");
        place("bound:127.11.1.7/16", "127.1.3.2", "127.11.3.2");
        place("bound:127.11.0.0/16", "fd00::2", "fd00::2");
        place("bound:fd11::/64", "fd00::1:0:0:2", "fd11::1:0:0:2");
    }
}

//! Addresses.

use crate::l5d;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address and port.
pub(crate) fn socket(at: SocketAddr) -> l5d::TcpAddress {
    l5d::TcpAddress { ip: Some(address(at.ip())), port: at.port().into() }
}

/// A network.
pub(crate) fn network(net: &IpNet) -> l5d::IpNetwork {
    l5d::IpNetwork { ip: Some(address(net.network())), prefix_len: net.prefix_len().into() }
}

/// Every address there is.
pub(crate) fn everywhere() -> [IpNet; 2] {
    let all = |ip: IpAddr| IpNet::new(ip, 0).expect("a prefix of 0 is always valid");
    [all(Ipv4Addr::UNSPECIFIED.into()), all(Ipv6Addr::UNSPECIFIED.into())]
}

fn address(ip: IpAddr) -> l5d::IpAddress {
    let ip = match ip {
        IpAddr::V4(ip) => l5d::ip_address::Ip::Ipv4(ip.into()),
        IpAddr::V6(ip) => {
            let bits = u128::from(ip);
            let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).expect("it is 64 bits");
            l5d::ip_address::Ip::Ipv6(l5d::IPv6 { first: half(bits >> 64), last: half(bits) })
        }
    };
    l5d::IpAddress { ip: Some(ip) }
}

//! Addresses, ports and networks.

use crate::xds;
use ipnet::IpNet;
use std::net::IpAddr;

/// A TCP port at an address.
pub(crate) fn socket(address: IpAddr, port: u16) -> xds::Address {
    let port = xds::socket_address::PortSpecifier::PortValue(port.into());
    xds::Address {
        address: Some(xds::address::Address::SocketAddress(xds::SocketAddress {
            address: address.to_string(),
            port_specifier: Some(port),
            ..xds::SocketAddress::default()
        })),
    }
}

/// A Unix socket, with permissions where it is listened at.
pub(crate) fn pipe(path: &str, mode: Option<u32>) -> xds::Address {
    let pipe = xds::Pipe { path: path.into(), mode: mode.unwrap_or_default() };
    xds::Address { address: Some(xds::address::Address::Pipe(pipe)) }
}

/// One more address that a listener answers at.
pub(crate) fn additional(address: IpAddr, port: u16) -> xds::AdditionalAddress {
    xds::AdditionalAddress { address: Some(socket(address, port)), ..xds::AdditionalAddress::default() }
}

/// A network.
pub(crate) fn network(net: &IpNet) -> xds::CidrRange {
    xds::CidrRange {
        address_prefix: net.network().to_string(),
        prefix_len: xds::number(net.prefix_len().into()),
    }
}

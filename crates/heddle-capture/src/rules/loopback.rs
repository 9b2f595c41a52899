//! The source of an Envoy's IPv6 connections to its own application, as an address of the machine.
//!
//! All of 127.0.0.0/8 is a machine's own, but of IPv6 only `::1` is: what is sent from another address is never answered.

use super::netlink::{CaptureError, acknowledgement};
use netlink_packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_ROUTE;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr};

/// The index of `lo` in every network namespace (`LOOPBACK_IFINDEX`).
const LOOPBACK: u32 = 1;

/// Adds an address to `lo` of the calling thread's network namespace, if that has IPv6 at all. One that is there stays.
pub(super) fn add(address: Ipv6Addr) -> Result<(), CaptureError> {
    // Of this thread: a process may have threads in several namespaces.
    let addresses = fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap_or_default();
    if !addresses.lines().any(|line| line.split_whitespace().next_back() == Some("lo")) {
        return Ok(());
    }
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet6;
    message.header.prefix_len = 128;
    message.header.index = LOOPBACK;
    message.header.flags = AddressHeaderFlags::Nodad;
    let ip = IpAddr::V6(address);
    message.attributes = vec![AddressAttribute::Local(ip), AddressAttribute::Address(ip)];
    let mut request = NetlinkMessage::from(RouteNetlinkMessage::NewAddress(message));
    request.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    let socket = Socket::new(NETLINK_ROUTE).map_err(CaptureError::Socket)?;
    socket.send(&bytes, 0).map_err(CaptureError::Socket)?;
    let answer = acknowledgement::<RouteNetlinkMessage>(&socket)?;
    let NetlinkPayload::Error(ErrorMessage { code: Some(code), .. }) = answer.payload else { return Ok(()) };
    let step = format!("to add address {address} to lo");
    Err(CaptureError::Refused { step, error: io::Error::from_raw_os_error(code.get().abs()) })
}

//! Addresses that something of a mesh may have.

use crate::field::{Field, FieldError};
use std::net::IpAddr;

/// The place of loopback addresses in a source of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loopback {
    /// They are each host's own: a claim of one would lead to whatever listens beside the client.
    Refused,
    /// They are the network of a mesh that lives on one host.
    Granted,
}

/// Reads an address that a Pod, a Service, an endpoint or a Node may have.
pub(crate) fn address(place: &Field<'_>, loopback: Loopback) -> Result<IpAddr, FieldError> {
    let address: IpAddr = place.parse("an IP address")?;
    match special(address.to_canonical(), loopback) {
        None => Ok(address),
        Some(what) => {
            Err(place.wrong(format!("{address} is {what} address, which nothing of the mesh may have")))
        }
    }
}

/// Returns what an address is that only means something to one host or link, or to many at once.
fn special(address: IpAddr, loopback: Loopback) -> Option<&'static str> {
    let is_link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if address.is_loopback() && loopback == Loopback::Refused {
        return Some("a loopback");
    }
    let all = [
        (is_link_local, "a link-local"),
        (is_broadcast, "a broadcast"),
        (address.is_multicast(), "a multicast"),
        (address.is_unspecified(), "an unspecified"),
    ];
    all.into_iter().find_map(|(holds, what)| holds.then_some(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_one_host_or_link_understands_is_special() {
        let check = |address: &str, refused: Option<&str>, granted: Option<&str>| {
            let address: IpAddr = address.parse().unwrap();
            let found =
                [Loopback::Refused, Loopback::Granted].map(|one| special(address.to_canonical(), one));
            assert_eq!(found, [refused, granted], "{address}");
        };
        let always = |address: &str, what: &'static str| check(address, Some(what), Some(what));
        check("10.0.0.1", None, None);
        check("2001:db8::1", None, None);
        for loopback in ["127.0.0.1", "127.1.0.2", "::1", "::ffff:127.0.0.1"] {
            check(loopback, Some("a loopback"), None);
        }
        always("169.254.1.1", "a link-local");
        always("fe80::1", "a link-local");
        always("::ffff:169.254.1.1", "a link-local");
        always("255.255.255.255", "a broadcast");
        always("224.0.0.1", "a multicast");
        always("ff02::1", "a multicast");
        always("0.0.0.0", "an unspecified");
        always("::", "an unspecified");
    }
}

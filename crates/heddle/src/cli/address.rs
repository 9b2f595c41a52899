//! A host and a port, as an argument.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::str::FromStr;

/// Reads an address to listen at.
///
/// # Errors
/// Says that it is none.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| format!("{text:?} is not IP:PORT, as 127.0.0.1:80 or [::]:80"))?;
    let any = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    Ok(if any { every(address.port()) } else { address })
}

/// Returns every address of the machine: of both families, or of IPv4 where the machine has no IPv6.
pub(super) fn every(port: u16) -> SocketAddr {
    let both = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let has_six = TcpListener::bind(SocketAddr::new(both, 0)).is_ok();
    SocketAddr::new(if has_six { both } else { Ipv4Addr::UNSPECIFIED.into() }, port)
}

/// `HOST:PORT`, `1.2.3.4:PORT` or `[::1]:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    /// A DNS name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("{text:?} is not HOST:PORT");
        let (host, port) = text.rsplit_once(':').ok_or_else(wanted)?;
        let port = port.parse().map_err(|_| format!("{port:?} is not a port, want 1 to 65535"))?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(wanted());
        }
        Ok(Self { host: host.into(), port })
    }
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_at_has_a_number() {
        assert_eq!(listen("127.0.0.1:80"), Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 80)));
        assert_eq!(listen("[::]:80"), Ok(every(80)));
        assert!(listen("localhost:80").is_err_and(|error| error.contains("is not IP:PORT")));
    }

    #[test]
    fn what_is_not_host_and_port_says_so() {
        let check = |text: &str| text.parse::<HostPort>().map(|at| at.to_string());
        assert_eq!(check("heddle.svc:15012"), Ok("heddle.svc:15012".into()));
        assert_eq!(check("[::1]:15012"), Ok("[::1]:15012".into()));
        assert_eq!(check("heddle"), Err("\"heddle\" is not HOST:PORT".into()));
        assert_eq!(check(":1"), Err("\":1\" is not HOST:PORT".into()));
        assert_eq!(check("heddle:http"), Err("\"http\" is not a port, want 1 to 65535".into()));
    }
}

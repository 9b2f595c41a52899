//! A host and a port, as an argument.

use std::str::FromStr;

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
    fn what_is_not_host_and_port_says_so() {
        let check = |text: &str| text.parse::<HostPort>().map(|at| at.to_string());
        assert_eq!(check("heddle.svc:15012"), Ok("heddle.svc:15012".into()));
        assert_eq!(check("[::1]:15012"), Ok("[::1]:15012".into()));
        assert_eq!(check("heddle"), Err("\"heddle\" is not HOST:PORT".into()));
        assert_eq!(check(":1"), Err("\":1\" is not HOST:PORT".into()));
        assert_eq!(check("heddle:http"), Err("\"http\" is not a port, want 1 to 65535".into()));
    }
}

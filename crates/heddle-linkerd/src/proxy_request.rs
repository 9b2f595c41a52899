//! The requests of a proxy, and the reasons against an answer.

use std::fmt;
use std::net::SocketAddr;

/// One question, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyRequest {
    /// `Destination.Get`: the endpoints behind a name that an outbound policy gave, or `<svc>.<ns>.svc.<domain>:<port>`.
    Endpoints {
        /// `path`
        path: String,
    },
    /// `Destination.GetProfile`: `<ip>:<port>` or `<name>:<port>`.
    Profile {
        /// `path`
        path: String,
    },
    /// `InboundServerPolicies.WatchPort` and `GetPort`: a port of the asking workload.
    Inbound {
        /// `port`
        port: u32,
    },
    /// `OutboundPolicies.Watch` and `Get`: the address that an application dialled.
    Outbound {
        /// `target`
        target: SocketAddr,
    },
    /// `OutboundPolicies.Watch` and `Get` by name, in ingress mode.
    OutboundName {
        /// `target`
        authority: String,
    },
}

/// As the proxy wrote it.
impl fmt::Display for ProxyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoints { path } | Self::Profile { path } => f.write_str(path),
            Self::Inbound { port } => port.fmt(f),
            Self::Outbound { target } => target.fmt(f),
            Self::OutboundName { authority } => f.write_str(authority),
        }
    }
}

/// The reason for which a question has no answer, by what the proxy does then (`protocols/linkerd.md` 1.0).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// `INVALID_ARGUMENT`: it can never have one, and the proxy does not ask again.
    #[error("{0}")]
    Malformed(String),
    /// `NOT_FOUND`: there is none now; the proxy asks again, but for outbound policies.
    #[error("{0}")]
    NotFound(String),
}

//! The protocol of a Service's port as the Service itself states it, before routes are looked at.

use heddle_model::fact::{PortProtocol, Protocol, Service, ServicePort};

/// A stated protocol, and where it is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) protocol: Protocol,
    pub(crate) origin: Origin,
}

/// Where a Service states the protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `appProtocol`
    AppProtocol,
    /// `config.linkerd.io/opaque-ports`
    Annotation,
    /// The prefix of the port's name.
    Name,
}

impl Origin {
    /// Whether a route that names the port makes it HTTP all the same.
    pub(crate) const fn yields_to_routes(self) -> bool {
        match self {
            Self::AppProtocol | Self::Annotation => false,
            Self::Name => true,
        }
    }
}

/// Returns what a Service states of one of its ports: `appProtocol`, else its annotation, else the port's name.
pub(crate) fn stated(service: &Service, port: &ServicePort) -> Option<Stated> {
    let opaque = service.opaque_ports.as_ref().is_some_and(|ports| ports.contains(&port.number));
    let (protocol, origin) = match port.protocol {
        PortProtocol::Declared(protocol) => (protocol, Origin::AppProtocol),
        PortProtocol::Named(_) | PortProtocol::Unset if opaque => (Protocol::Opaque, Origin::Annotation),
        PortProtocol::Named(protocol) => (protocol, Origin::Name),
        PortProtocol::Unset => return None,
    };
    Some(Stated { protocol, origin })
}

/// Whether connections of this protocol are never looked at for requests.
pub(crate) const fn is_bytes(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Tcp | Protocol::Opaque => true,
        Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Detect => false,
    }
}

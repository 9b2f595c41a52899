//! The protocol of a Service's port as the Service itself states it, before routes are looked at.

use crate::tables::Tables;
use heddle_model::ServiceKey;
use heddle_model::fact::{Mesh, PortProtocol, Protocol, Service, ServicePort};
use heddle_model::server::DEFAULT_OPAQUE_PORTS;
use std::collections::BTreeSet;

/// A stated protocol, and where it is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) protocol: Protocol,
    pub(crate) origin: Origin,
}

/// The part of a Service that states the protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `appProtocol`
    AppProtocol,
    /// `config.linkerd.io/opaque-ports`
    Annotation,
    /// The prefix of the port's name.
    Name,
    /// The number alone: one of Linkerd's default opaque ports.
    Number,
}

/// The ports of a Service that are opaque whatever they are called.
pub(crate) struct OpaquePorts<'a> {
    /// By annotation of the Service, else of its namespace.
    annotated: Option<&'a BTreeSet<u16>>,
    /// Linkerd's default holds where there is no annotation.
    by_default: bool,
}

impl<'a> OpaquePorts<'a> {
    pub(crate) fn of(tables: &'a Tables, mesh: &Mesh, key: &ServiceKey, service: &'a Service) -> Self {
        let namespace = || tables.namespace(&key.namespace)?.1.config.as_ref()?.opaque_ports.as_ref();
        let annotated = service.opaque_ports.as_ref().or_else(namespace);
        Self { annotated, by_default: annotated.is_none() && mesh.moves_from_linkerd() }
    }
}

impl Origin {
    /// Returns whether a route that names the port makes it HTTP all the same.
    pub(crate) const fn yields_to_routes(self) -> bool {
        match self {
            Self::AppProtocol | Self::Annotation => false,
            Self::Name | Self::Number => true,
        }
    }
}

/// Returns what a Service states of one of its ports: `appProtocol`, else the annotation, else the port's name, else
/// Linkerd's default.
pub(crate) fn stated(opaque_ports: &OpaquePorts<'_>, port: &ServicePort) -> Option<Stated> {
    let OpaquePorts { annotated, by_default } = opaque_ports;
    let opaque = annotated.is_some_and(|ports| ports.contains(&port.number));
    let (protocol, origin) = match port.protocol {
        PortProtocol::Declared(protocol) => (protocol, Origin::AppProtocol),
        PortProtocol::Named(_) | PortProtocol::Unset if opaque => (Protocol::Opaque, Origin::Annotation),
        PortProtocol::Named(protocol) => (protocol, Origin::Name),
        PortProtocol::Unset if *by_default && DEFAULT_OPAQUE_PORTS.contains(&port.number) => {
            (Protocol::Opaque, Origin::Number)
        }
        PortProtocol::Unset => return None,
    };
    Some(Stated { protocol, origin })
}

/// Returns whether connections of this protocol are never looked at for requests.
pub(crate) const fn is_bytes(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Tcp | Protocol::Opaque => true,
        Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Detect => false,
    }
}

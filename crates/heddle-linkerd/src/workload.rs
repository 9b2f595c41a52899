//! What a workload's proxy does at one of its ports.

use heddle_model::fact::{Mtls, Protocol};
use heddle_model::snapshot::{EndpointServer, InboundPort, Transport, Workload};

/// A port that somebody declared.
pub(crate) fn declared(workload: &Workload, port: u16) -> Option<&InboundPort> {
    workload.inbound.iter().find(|own| own.port == port)
}

/// How a workload's own address is dialled: by the same rule as an endpoint of a Service.
pub(crate) fn transport_to(workload: &Workload, port: u16) -> Transport {
    let declared = declared(workload, port);
    let mtls = declared.map_or(workload.undeclared.mtls, |own| own.mtls);
    let mesh = || workload.identity.clone().map(Transport::Mesh);
    match mtls {
        Mtls::Strict => mesh().unwrap_or(Transport::Refused),
        Mtls::Permissive if sees(workload, port) => mesh().unwrap_or(Transport::Plain),
        Mtls::Permissive | Mtls::Disabled => Transport::Plain,
    }
}

/// The proxy that takes connections to a port.
pub(crate) fn server_at(workload: &Workload, port: u16) -> Option<EndpointServer> {
    let declared = declared(workload, port);
    let protocol = declared.map_or(Protocol::Detect, |own| own.protocol);
    workload.plane.filter(|_| sees(workload, port)).map(|plane| EndpointServer { plane, protocol })
}

/// Whether a proxy of ours sees connections to a port.
fn sees(workload: &Workload, port: u16) -> bool {
    workload.plane.is_some() && !workload.host_network && !workload.skip_inbound_ports.contains(&port)
}

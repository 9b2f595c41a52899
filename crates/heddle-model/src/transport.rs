//! The transport to a port: the one rule that the index, the decisions and every dialect share.

use crate::PortRules;
use crate::fact::{DataPlane, Mtls, Protocol};
use crate::snapshot::{Endpoint, EndpointServer, InboundPort, Transport, Workload};

impl DataPlane {
    /// The ports to which packet rules redirect what goes out of a workload and what comes in. A connection to one of
    /// them reaches no application.
    pub const fn capture_ports(self) -> [u16; 2] {
        match self {
            Self::Envoy => [15001, 15006],
            Self::Linkerd => [4140, 4143],
        }
    }

    /// The ports of a workload that its proxy keeps for itself: those by which it captures traffic, and the one at which
    /// linkerd2-proxy serves its metrics to everyone.
    pub const fn own_ports(self) -> &'static [u16] {
        match self {
            Self::Envoy => &[15001, 15006],
            Self::Linkerd => &[4140, 4143, 4191],
        }
    }
}

impl Workload {
    /// A port that somebody declares.
    pub fn port(&self, number: u16) -> Option<&InboundPort> {
        self.inbound.iter().find(|port| port.port == number)
    }

    /// Returns whether a port is one of those by which the workload's own proxy captures traffic.
    pub fn captures_at(&self, number: u16) -> bool {
        let plane = self.plane.filter(|_| !self.host_network);
        plane.is_some_and(|plane| plane.capture_ports().contains(&number))
    }

    /// The proxy of ours that takes connections to a port; `None` where no proxy sees them.
    pub fn server(&self, number: u16) -> Option<EndpointServer> {
        let seen = !self.host_network && !self.skip_inbound_ports.contains(&number);
        let plane = self.plane.filter(|_| seen)?;
        let PortRules { protocol, mtls, .. } = self.rules_at(number);
        Some(EndpointServer { plane, protocol, mtls })
    }

    /// Returns how a port is dialled by whoever can speak all that its proxy understands.
    ///
    /// Strict is never dialled in plain text, whatever the workload's labels say of its proxy: a label is a claim.
    pub fn transport(&self, number: u16) -> Transport {
        self.dialled(self.rules_at(number).mtls, self.server(number).is_some())
    }

    /// Returns how every port is dialled that nobody declares and its proxy does not skip.
    pub fn transport_undeclared(&self) -> Transport {
        self.dialled(self.undeclared.mtls, self.plane.is_some() && !self.host_network)
    }

    fn dialled(&self, mtls: Mtls, seen: bool) -> Transport {
        match (mtls, &self.identity) {
            (Mtls::Strict, Some(identity)) => Transport::Mesh(identity.clone()),
            (Mtls::Strict, None) => Transport::Refused,
            (Mtls::Permissive, Some(identity)) if seen => Transport::Mesh(identity.clone()),
            (Mtls::Permissive, _) | (Mtls::Disabled, _) => Transport::Plain,
        }
    }

    /// Returns how a port is dialled by clients with a proxy of this plane.
    pub fn transport_from(&self, client: DataPlane, number: u16) -> Transport {
        spoken(self.transport(number), client, self.server(number))
    }
}

impl Endpoint {
    /// Returns how it is dialled by clients with a proxy of this plane.
    pub fn transport_from(&self, client: DataPlane) -> Transport {
        spoken(self.transport.clone(), client, self.server)
    }
}

/// Plain text where the server would take the client's mesh TLS for the application's bytes.
fn spoken(transport: Transport, client: DataPlane, server: Option<EndpointServer>) -> Transport {
    match server {
        Some(server) if !server.tells_mesh_tls_of(client) => Transport::Plain,
        Some(_) | None => transport,
    }
}

impl EndpointServer {
    /// Returns whether it tells mesh TLS of a client's proxy from the bytes of the application.
    ///
    /// A linkerd2-proxy looks at nothing of a port that is opaque to it: mesh TLS comes to such a port in
    /// Linkerd's opaque transport, at a port of the proxy's own, which an Envoy cannot speak. Where mesh TLS is
    /// demanded the proxy is told to end TLS at the port itself, and anyone's will do.
    pub fn tells_mesh_tls_of(self, client: DataPlane) -> bool {
        let Self { plane, protocol, mtls } = self;
        match (client, plane, protocol, mtls) {
            (DataPlane::Envoy, DataPlane::Linkerd, Protocol::Opaque, Mtls::Permissive | Mtls::Disabled) => {
                false
            }
            (DataPlane::Envoy | DataPlane::Linkerd, DataPlane::Envoy | DataPlane::Linkerd, _, _) => true,
        }
    }

    /// Returns whether it passes on TLS of the application's own that comes outside of mesh TLS. A linkerd2-proxy takes
    /// whatever comes to a port that speaks HTTP for HTTP.
    pub fn takes_foreign_tls(self) -> bool {
        let Self { plane, protocol, mtls: _ } = self;
        match (plane, protocol) {
            (DataPlane::Linkerd, Protocol::Http | Protocol::Http2 | Protocol::Grpc) => false,
            (DataPlane::Linkerd, Protocol::Tcp | Protocol::Opaque | Protocol::Detect)
            | (DataPlane::Envoy, _) => true,
        }
    }

    /// Returns whether it sees the requests that a client's proxy sends within mesh TLS.
    ///
    /// An Envoy that detects goes by ALPN there, which a linkerd2-proxy never offers; a linkerd2-proxy reads the
    /// first bytes.
    pub fn sees_requests_of(self, client: DataPlane) -> bool {
        let Self { plane, protocol, mtls: _ } = self;
        match (protocol, plane, client) {
            (Protocol::Http | Protocol::Http2 | Protocol::Grpc, _, _) => true,
            (Protocol::Tcp | Protocol::Opaque, _, _) => false,
            (Protocol::Detect, DataPlane::Envoy, DataPlane::Linkerd) => false,
            (Protocol::Detect, DataPlane::Envoy, DataPlane::Envoy)
            | (Protocol::Detect, DataPlane::Linkerd, _) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANES: [DataPlane; 2] = [DataPlane::Envoy, DataPlane::Linkerd];

    #[test]
    fn only_an_envoy_at_an_opaque_port_of_linkerds_that_is_not_strict_must_do_without_mesh_tls() {
        use Protocol::{Detect, Grpc, Http, Http2, Opaque, Tcp};
        let mut without = Vec::new();
        for (client, plane) in PLANES.into_iter().flat_map(|client| PLANES.map(|plane| (client, plane))) {
            for protocol in [Http, Http2, Grpc, Tcp, Opaque, Detect] {
                for mtls in [Mtls::Strict, Mtls::Permissive] {
                    let server = EndpointServer { plane, protocol, mtls };
                    if !server.tells_mesh_tls_of(client) {
                        without.push((client, server));
                    }
                }
            }
        }
        let opaque = EndpointServer { plane: DataPlane::Linkerd, protocol: Opaque, mtls: Mtls::Permissive };
        assert_eq!(without, [(DataPlane::Envoy, opaque)]);
    }

    #[test]
    fn an_envoy_that_detects_does_not_see_the_requests_of_a_linkerd2_proxy() {
        let detects = |plane| EndpointServer { plane, protocol: Protocol::Detect, mtls: Mtls::Permissive };
        let seen = PLANES.map(|client| PLANES.map(|plane| detects(plane).sees_requests_of(client)));
        assert_eq!(seen, [[true, true], [false, true]]);
    }
}

//! One endpoint as a proxy dials it.

use crate::{l5d, net};
use heddle_model::fact::{DataPlane, Mesh, Protocol};
use heddle_model::snapshot::{Endpoint, EndpointServer, Transport};
use heddle_model::{Identity, Name, WorkloadKey, WorkloadKind};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The port at which a linkerd2-proxy takes connections that say in a header which port they are for.
const DIRECT_PORT: u32 = 4143;

/// The transport to an endpoint.
pub(crate) struct Dial<'a> {
    pub(crate) at: SocketAddr,
    /// `None` is plain text.
    pub(crate) identity: Option<Identity>,
    pub(crate) server: Option<EndpointServer>,
    pub(crate) workload: Option<&'a WorkloadKey>,
    pub(crate) zone: Option<&'a Name>,
}

impl<'a> Dial<'a> {
    /// `None` for an endpoint that must not be dialled at all.
    pub(crate) fn of(endpoint: &'a Endpoint) -> Option<Self> {
        let Endpoint { address, port, workload, transport: _, health: _, node: _, region: _, zone, server } =
            endpoint;
        let identity = match endpoint.transport_from(DataPlane::Linkerd) {
            Transport::Plain => None,
            Transport::Mesh(identity) => Some(identity),
            Transport::Refused => return None,
        };
        let at = SocketAddr::new(*address, *port);
        Some(Self { at, identity, server: *server, workload: workload.as_ref(), zone: zone.as_ref() })
    }

    pub(crate) fn message(&self, mesh: &Mesh) -> l5d::WeightedAddr {
        l5d::WeightedAddr {
            addr: Some(net::socket(self.at)),
            weight: 1,
            metric_labels: self.labels(),
            tls_identity: self.identity.as_ref().map(|identity| tls_identity(identity, mesh)),
            protocol_hint: self.identity.as_ref().and(self.server).and_then(hint),
            ..l5d::WeightedAddr::default()
        }
    }

    /// Few, and none that changes while the endpoint stays: a change costs its connections.
    fn labels(&self) -> BTreeMap<String, String> {
        let workload = self.workload.map(|key| match key.kind {
            WorkloadKind::Pod => ("pod", key.name.to_string()),
            WorkloadKind::External | WorkloadKind::LinkerdExternal => {
                ("external_workload", key.name.to_string())
            }
        });
        let account =
            self.identity.as_ref().map(|identity| ("serviceaccount", identity.service_account.to_string()));
        let zone = self.zone.map(|zone| ("zone", zone.to_string()));
        [workload, account, zone].into_iter().flatten().map(|(name, value)| (name.into(), value)).collect()
    }
}

fn tls_identity(identity: &Identity, mesh: &Mesh) -> l5d::TlsIdentity {
    let name = identity.dns(&mesh.identity_suffix);
    let dns = l5d::tls_identity::DnsLikeIdentity { name };
    l5d::TlsIdentity { server_name: None, strategy: Some(l5d::tls_identity::Strategy::DnsLikeIdentity(dns)) }
}

/// Returns what a linkerd2-proxy in front of the endpoint understands; others are told nothing.
///
/// A port that takes bytes is not looked at, so mesh TLS comes to it by the direct port, whose header names it.
fn hint(server: EndpointServer) -> Option<l5d::ProtocolHint> {
    use l5d::protocol_hint::{H2, Opaque, OpaqueTransport, Protocol as Hint};
    match server.plane {
        DataPlane::Envoy => return None,
        DataPlane::Linkerd => {}
    }
    Some(match server.protocol {
        Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Detect => {
            l5d::ProtocolHint { opaque_transport: None, protocol: Some(Hint::H2(H2 {})) }
        }
        Protocol::Tcp | Protocol::Opaque => l5d::ProtocolHint {
            opaque_transport: Some(OpaqueTransport { inbound_port: DIRECT_PORT }),
            protocol: Some(Hint::Opaque(Opaque {})),
        },
    })
}

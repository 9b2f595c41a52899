//! One endpoint as a proxy dials it.

use crate::{l5d, net};
use heddle_model::fact::{DataPlane, Mesh, Protocol};
use heddle_model::snapshot::{Endpoint, EndpointServer, Transport};
use heddle_model::{Identity, Name, WorkloadKey, WorkloadKind};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Where a linkerd2-proxy takes connections that say in a header which port they are for.
const DIRECT_PORT: u32 = 4143;

/// How an endpoint is dialled.
pub(crate) struct Dial<'a> {
    pub(crate) at: SocketAddr,
    /// `None` is plain text.
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) server: Option<EndpointServer>,
    pub(crate) workload: Option<&'a WorkloadKey>,
    pub(crate) zone: Option<&'a Name>,
}

/// What the client's proxy makes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// Requests, or bytes, as the policy says.
    Either,
    /// Bytes only.
    Bytes,
}

impl<'a> Dial<'a> {
    /// `None` for an endpoint that must not be dialled at all.
    pub(crate) fn of(endpoint: &'a Endpoint) -> Option<Self> {
        let Endpoint { address, port, workload, transport, health: _, node: _, region: _, zone, server } =
            endpoint;
        let identity = match transport {
            Transport::Plain => None,
            Transport::Mesh(identity) => Some(identity),
            Transport::Refused => return None,
        };
        let at = SocketAddr::new(*address, *port);
        Some(Self { at, identity, server: *server, workload: workload.as_ref(), zone: zone.as_ref() })
    }

    pub(crate) fn message(&self, mesh: &Mesh, carries: Carries) -> l5d::WeightedAddr {
        l5d::WeightedAddr {
            addr: Some(net::socket(self.at)),
            weight: 1,
            metric_labels: self.labels(),
            tls_identity: self.identity.map(|identity| tls_identity(identity, mesh)),
            protocol_hint: self.identity.and(self.server).and_then(|server| hint(server, carries)),
            ..l5d::WeightedAddr::default()
        }
    }

    /// Few, and none that changes while the endpoint stays: a change costs its connections.
    fn labels(&self) -> BTreeMap<String, String> {
        let workload = self.workload.map(|key| match key.kind {
            WorkloadKind::Pod => ("pod", key.name.to_string()),
            WorkloadKind::External => ("external_workload", key.name.to_string()),
        });
        let account = self.identity.map(|identity| ("serviceaccount", identity.service_account.to_string()));
        let zone = self.zone.map(|zone| ("zone", zone.to_string()));
        [workload, account, zone].into_iter().flatten().map(|(name, value)| (name.into(), value)).collect()
    }
}

fn tls_identity(identity: &Identity, mesh: &Mesh) -> l5d::TlsIdentity {
    let name = identity.dns(&mesh.identity_suffix);
    let dns = l5d::tls_identity::DnsLikeIdentity { name };
    l5d::TlsIdentity { server_name: None, strategy: Some(l5d::tls_identity::Strategy::DnsLikeIdentity(dns)) }
}

/// What a linkerd2-proxy in front of the endpoint understands; others are told nothing.
///
/// Where the server cannot know what it is spoken to (it takes bytes, or has to find out), the connection goes to its
/// direct port, whose header says it: nothing is waited for, and what the client carries as bytes stays bytes.
fn hint(server: EndpointServer, carries: Carries) -> Option<l5d::ProtocolHint> {
    use l5d::protocol_hint::{H2, Opaque, OpaqueTransport, Protocol as Hint};
    match server.plane {
        DataPlane::Envoy => return None,
        DataPlane::Linkerd => {}
    }
    let told = match server.protocol {
        Protocol::Http | Protocol::Http2 | Protocol::Grpc => false,
        Protocol::Tcp | Protocol::Opaque | Protocol::Detect => true,
    };
    let bytes = match server.protocol {
        Protocol::Tcp | Protocol::Opaque => true,
        Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Detect => carries == Carries::Bytes,
    };
    Some(l5d::ProtocolHint {
        opaque_transport: told.then_some(OpaqueTransport { inbound_port: DIRECT_PORT }),
        protocol: Some(if bytes { Hint::Opaque(Opaque {}) } else { Hint::H2(H2 {}) }),
    })
}

//! The way of a client's connections.

mod backend;
mod http;
mod opaque;
mod refused;
mod retry;

use crate::endpoint::Dial;
use crate::endpoints::usable;
use crate::l5d::{self, outbound as l5d_out};
use crate::meta;
use crate::subscription::Target;
use crate::tracked::TrackedSnapshot;
use backend::Route;
use heddle_model::fact::{DataPlane, Egress, Protocol};
use heddle_model::snapshot::{ServicePort, Transport};
use heddle_model::{Family, Kind, Name, Owner, Reach, ServicePortKey, SourceRef, WorkloadKey};
use http::Routed;
use l5d_out::proxy_protocol as protocol;
use std::net::SocketAddr;
use std::time::Duration;

/// The time that the first bytes are waited for before a connection counts as bytes.
const DETECT: Duration = Duration::from_secs(10);
/// The same where only HTTP is spoken: its clients speak first, however late.
const DETECT_HTTP: Duration = Duration::from_secs(3600);

/// The policy for what the clients of a namespace send to a target.
pub(crate) fn project(look: &TrackedSnapshot, namespace: &Name, target: &Target) -> l5d_out::OutboundPolicy {
    match target {
        Target::Service(port) => to_port(look, namespace, port, None),
        Target::Address(at) => to_address(look, namespace, *at),
    }
}

fn to_address(look: &TrackedSnapshot, namespace: &Name, at: SocketAddr) -> l5d_out::OutboundPolicy {
    match look.owner(Reach::Namespace(namespace.clone()), at.ip()) {
        Some(Owner::Service(service)) => {
            let port = ServicePortKey { service: service.clone(), port: at.port() };
            to_port(look, namespace, &port, Some(Family::of(at.ip())))
        }
        Some(Owner::Workload(key)) => to_workload(look, namespace, key, at),
        Some(Owner::Endpoints(ports)) => match ports.get(&at.port()) {
            Some(port) => to_hand_made(look, port, at),
            None => to_nobody(look, namespace, at),
        },
        Some(Owner::Node(_) | Owner::ApiServer) | None => to_nobody(look, namespace, at),
    }
}

fn to_port(
    look: &TrackedSnapshot,
    namespace: &Name,
    port: &ServicePortKey,
    dialled: Option<Family>,
) -> l5d_out::OutboundPolicy {
    let service = look.service(&port.service);
    let found = service
        .and_then(|service| Some((service, service.ports.iter().find(|own| own.number == port.port)?)));
    match found {
        Some((service, own)) => to_service(&Routed { look, namespace, service, port, dialled }, own),
        None => refused::policy(meta::service(port), &format!("there is no Service port {port}")),
    }
}

fn to_service(routed: &Routed, own: &ServicePort) -> l5d_out::OutboundPolicy {
    let Routed { look, namespace: _, service, port, dialled } = *routed;
    let families = service.families;
    let bytes = || match usable(look.endpoints(port), families.serving(dialled)) {
        true => opaque::to(&Route::default("opaque"), backend::balanced(port, families, dialled)),
        false => opaque::forbidden(),
    };
    let http = |timeout, opaque| {
        let (routes, failure_accrual) = (routed.routes(), service.accrual.map(retry::accrual));
        protocol::Kind::Detect(protocol::Detect {
            timeout: Some(timeout),
            opaque: Some(opaque),
            http1: Some(protocol::Http1 { routes: routes.clone(), failure_accrual }),
            http2: Some(protocol::Http2 { routes, failure_accrual }),
        })
    };
    let kind = match own.protocol {
        Protocol::Http | Protocol::Http2 | Protocol::Grpc => http(DETECT_HTTP.into(), opaque::forbidden()),
        Protocol::Detect => http(DETECT.into(), bytes()),
        Protocol::Tcp | Protocol::Opaque => protocol::Kind::Opaque(bytes()),
    };
    policy(meta::service(port), kind)
}

/// A workload's own address: its bytes, as its identity.
fn to_workload(
    look: &TrackedSnapshot,
    namespace: &Name,
    key: &WorkloadKey,
    at: SocketAddr,
) -> l5d_out::OutboundPolicy {
    let Some(workload) = look.workload(key) else { return to_nobody(look, namespace, at) };
    let identity = match workload.transport_from(DataPlane::Linkerd, at.port()) {
        Transport::Plain => None,
        Transport::Mesh(identity) => Some(identity),
        Transport::Refused => {
            let why = format!("port {} of {key} is Strict, and it has no identity", at.port());
            return refused::policy(meta::source(&key.source()), &why);
        }
    };
    let server = workload.server(at.port());
    let dial = Dial { at, identity, server, workload: Some(key), zone: workload.zone.as_ref() };
    forward(look, meta::source(&key.source()), &dial)
}

/// An endpoint of a headless Service that no workload backs: as it is.
fn to_hand_made(look: &TrackedSnapshot, port: &ServicePortKey, at: SocketAddr) -> l5d_out::OutboundPolicy {
    forward(look, meta::service(port), &plain(at))
}

fn plain(at: SocketAddr) -> Dial<'static> {
    Dial { at, identity: None, server: None, workload: None, zone: None }
}

/// An address that is no Service's and no workload's.
fn to_nobody(look: &TrackedSnapshot, namespace: &Name, at: SocketAddr) -> l5d_out::OutboundPolicy {
    let mesh = look.mesh();
    if let Some(network) = look.closed_network(at.ip()) {
        return refused::policy(
            meta::default("unknown"),
            &format!("nobody of the mesh ({network}) is at {at}"),
        );
    }
    let (source, egress) = match look.egress(namespace, at.ip()) {
        Some((source, of)) => (source.clone(), of.policy),
        None => (SourceRef::new(Kind::Mesh, "", "default"), mesh.egress),
    };
    match egress {
        Egress::Allow => forward(look, meta::source(&source), &plain(at)),
        Egress::Deny => refused::policy(meta::source(&source), &format!("{source} refuses egress to {at}")),
    }
}

fn forward(look: &TrackedSnapshot, metadata: l5d::Metadata, dial: &Dial) -> l5d_out::OutboundPolicy {
    let backend = backend::forward(&metadata, dial, look.mesh());
    policy(metadata, protocol::Kind::Opaque(opaque::to(&Route::default("opaque"), backend)))
}

fn policy(metadata: l5d::Metadata, kind: protocol::Kind) -> l5d_out::OutboundPolicy {
    l5d_out::OutboundPolicy {
        metadata: Some(metadata),
        protocol: Some(l5d_out::ProxyProtocol { kind: Some(kind) }),
    }
}

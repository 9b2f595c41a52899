//! Addresses that are dialled themselves: a workload's own, and the endpoints of headless Services.
//!
//! A listener per workload stands, unbound, at each of its addresses and declared ports, so the cost of a change is
//! one small listener, and connections to other workloads are left alone. Which identity answers there was
//! settled by the address; the bytes go to the dialled address with that identity's TLS, so HTTP in them is seen by
//! the server's proxy only. A port that nobody declared has no listener: within the mesh's networks it is refused.
//!
//! An address of a headless Service that is no workload's is taken as it is, by a listener named for the Service's
//! port.

use crate::http::Direction;
use crate::resource::{Resource, ResourceKey, Type};
use crate::subject::Subject;
use crate::{address, outbound, tcp, xds};
use heddle_model::fact::{Mtls, ServiceForm};
use heddle_model::snapshot::{Endpoint, InboundPort, Owner, Service, Transport, Workload};
use heddle_model::{Identity, Name, ServicePortKey, Snapshot, WorkloadKey, WorkloadKind};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// The listener at a workload's addresses; `None` where it has no address or port of its own.
pub(crate) fn of_workload(snapshot: &Snapshot, key: &WorkloadKey) -> Option<Resource> {
    let workload = snapshot.workloads.get(key)?;
    let ports: BTreeMap<u16, Transport> =
        workload.inbound.iter().map(|port| (port.port, transport(workload, port))).collect();
    let places = owned(snapshot, workload).into_iter();
    let places = places.flat_map(|ip| ports.keys().map(move |port| SocketAddr::new(ip, *port))).collect();
    let subject = Subject::Direct(key.clone());
    let mut listener = listener(&subject.to_string(), places)?;
    let clusters: BTreeSet<Name> = ports.values().map(|transport| cluster(transport).name()).collect();
    listener.filter_chains = match clusters.first() {
        Some(only) if clusters.len() == 1 => vec![chain(snapshot, "any", None, only)],
        _ => ports
            .iter()
            .map(|(port, transport)| {
                chain(snapshot, &port.to_string(), Some(*port), &cluster(transport).name())
            })
            .collect(),
    };
    Some(Resource {
        body: xds::pack(&listener),
        sources: BTreeSet::from([key.source()]),
        needs: clusters.into_iter().map(|name| ResourceKey { ty: Type::Cluster, name }).collect(),
    })
}

/// The listener at the addresses of a headless Service's port that are no workload's.
///
/// One address belongs to the first such port by key: Envoy takes no two listeners at one.
pub(crate) fn of_headless(snapshot: &Snapshot, port: &ServicePortKey) -> Option<Resource> {
    let mine = strangers(snapshot, port);
    if mine.is_empty() {
        return None;
    }
    let earlier = snapshot.services.iter().flat_map(|(_, service)| headless_ports(service));
    let taken: BTreeSet<SocketAddr> =
        earlier.take_while(|other| other < port).flat_map(|other| strangers(snapshot, &other)).collect();
    let places = mine.difference(&taken).copied().collect();
    let mut listener = listener(&port.to_string(), places)?;
    let passthrough = Subject::Passthrough.name();
    listener.filter_chains = vec![chain(snapshot, "any", None, &passthrough)];
    Some(Resource {
        body: xds::pack(&listener),
        sources: BTreeSet::from([port.service.source()]),
        needs: vec![ResourceKey { ty: Type::Cluster, name: passthrough }],
    })
}

/// The ports of a headless Service.
pub(crate) fn headless_ports(service: &Service) -> Vec<ServicePortKey> {
    let key = |number| ServicePortKey { service: service.key.clone(), port: number };
    match service.form {
        ServiceForm::Headless => service.ports.iter().map(|port| key(port.number)).collect(),
        ServiceForm::Virtual(_) | ServiceForm::External(_) => Vec::new(),
    }
}

/// The addresses of a headless Service's port that are no workload's and no virtual IP.
pub(crate) fn strangers(snapshot: &Snapshot, port: &ServicePortKey) -> BTreeSet<SocketAddr> {
    let headless = snapshot.services.get(&port.service).is_some_and(|of| headless_ports(of).contains(port));
    let items = snapshot.endpoints.get(port).filter(|_| headless).map(|of| of.items.as_slice());
    let strange = |item: &&Endpoint| {
        item.workload.is_none()
            && item.transport == Transport::Plain
            && !snapshot.addresses.contains_key(&item.address)
    };
    items.unwrap_or_default().iter().filter(strange).map(|of| SocketAddr::new(of.address, of.port)).collect()
}

/// The identities that workloads are dialled as.
pub(crate) fn identities(snapshot: &Snapshot) -> BTreeSet<Identity> {
    snapshot.workloads.values().filter_map(|workload| workload.identity.clone()).collect()
}

/// Whether a workload has the identity. Workloads have identities of their own namespace only.
pub(crate) fn is_someone(snapshot: &Snapshot, identity: &Identity) -> bool {
    let first = WorkloadKey::new(WorkloadKind::Pod, identity.namespace.clone(), "");
    let in_namespace = snapshot.workloads.range_from(&first);
    in_namespace
        .take_while(|(key, _)| key.namespace == identity.namespace)
        .any(|(_, workload)| workload.identity.as_ref() == Some(identity))
}

/// How a port of a workload is dialled: mesh TLS where it is Strict or its proxy guards it.
fn transport(workload: &Workload, port: &InboundPort) -> Transport {
    let mesh = || workload.identity.clone().map(Transport::Mesh);
    let guarded = workload.plane.is_some() && !workload.skip_inbound_ports.contains(&port.port);
    match port.mtls {
        Mtls::Strict => mesh().unwrap_or(Transport::Refused),
        Mtls::Permissive if guarded => mesh().unwrap_or(Transport::Plain),
        Mtls::Permissive | Mtls::Disabled => Transport::Plain,
    }
}

fn cluster(transport: &Transport) -> Subject {
    match transport {
        Transport::Plain => Subject::Passthrough,
        Transport::Mesh(identity) => Subject::DirectTo(identity.clone()),
        Transport::Refused => Subject::Blackhole,
    }
}

/// The addresses that are the workload's and nobody else's.
fn owned(snapshot: &Snapshot, workload: &Workload) -> BTreeSet<IpAddr> {
    let own = |ip: &&IpAddr| match snapshot.addresses.get(ip) {
        Some(Owner::Workload(owner)) => *owner == workload.key,
        Some(Owner::Service(_)) | None => false,
    };
    match workload.host_network {
        true => BTreeSet::new(),
        false => workload.addresses.iter().filter(own).copied().collect(),
    }
}

fn listener(name: &str, places: BTreeSet<SocketAddr>) -> Option<xds::Listener> {
    let mut places = places.into_iter();
    let first = places.next()?;
    Some(xds::Listener {
        name: name.into(),
        address: Some(address::socket(first.ip(), first.port())),
        additional_addresses: places.map(|at| address::additional(at.ip(), at.port())).collect(),
        bind_to_port: xds::flag(false),
        traffic_direction: xds::TrafficDirection::Outbound.into(),
        ..xds::Listener::default()
    })
}

fn chain(snapshot: &Snapshot, word: &str, port: Option<u16>, cluster: &str) -> xds::FilterChain {
    let filter = tcp::proxy(&snapshot.mesh, Direction::Outbound, cluster);
    outbound::chain(word, port, &BTreeSet::new(), filter)
}

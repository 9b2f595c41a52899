//! Addresses that are dialled themselves: a workload's own, and the endpoints of headless Services.
//!
//! Within the cluster's networks every address of a workload has a cluster, named for it, with the TLS of the identity
//! that answers there: the capture listener takes a connection to the cluster of its address, whatever the port, so
//! the cost of a change is one small cluster, and an address without one is refused. Ports that are dialled in
//! another way have a listener per workload, unbound, at each of its addresses. Where no network holds an
//! ExternalWorkload, that listener has all ports that somebody declares, and other ports are left to the capture listener.
//!
//! The bytes go to the dialled address, so HTTP in them is seen by the server's proxy only.
//!
//! An address of a headless Service that no workload backs is taken as it is, by a listener named for the Service's
//! port, if the address is the Service's: one address has one owner, so no two listeners stand at one.
//!
//! Each of these is projected as clients of one reach see it: what only one namespace's clients see is theirs alone.

use crate::access_log::Direction;
use crate::filter::network_filter;
use crate::resource::{Resource, ResourceKey};
use crate::resource_name::Subject;
use crate::{address, cluster, outbound, tcp, xds};
use heddle_model::fact::Egress;
use heddle_model::fact::{DataPlane, Mesh, ServiceForm};
use heddle_model::snapshot::{Endpoint, Service, Transport, Workload};
use heddle_model::{
    AddressKey, Identity, Name, Owner, Reach, ServicePortKey, Snapshot, WorkloadKey, WorkloadKind,
};
use heddle_model::{ClusterNetwork, Kind};
use heddle_proto::ResourceType;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// The listener at a workload's addresses; `None` where it has no address of its own, or no port that needs one.
pub(crate) fn of_workload(snapshot: &Snapshot, reach: &Reach, key: &WorkloadKey) -> Option<Resource> {
    let workload = snapshot.workloads.get(key)?;
    let (mut ports, mut places) = (BTreeMap::new(), BTreeSet::new());
    for ip in owned(snapshot, reach, workload) {
        for (port, transport) in own_ports(snapshot, workload, ip) {
            places.insert(SocketAddr::new(ip, port));
            ports.insert(port, transport);
        }
    }
    let subject = Subject::Direct(key.clone());
    let mut listener = listener(&subject.to_string(), places)?;
    let clusters: BTreeSet<Name> = ports.values().map(|transport| to(transport).name()).collect();
    listener.filter_chains = match clusters.first() {
        Some(only) if clusters.len() == 1 => vec![chain(snapshot, "any", None, only)],
        _ => ports
            .iter()
            .map(|(port, transport)| chain(snapshot, &port.to_string(), Some(*port), &to(transport).name()))
            .collect(),
    };
    Some(Resource {
        body: xds::pack(&listener),
        sources: BTreeSet::from([key.source()]),
        needs: clusters.into_iter().map(|name| ResourceKey { ty: ResourceType::Cluster, name }).collect(),
    })
}

/// The cluster of a workload's address within the cluster's networks; `None` where nobody of the mesh is there, or is not
/// to be dialled.
pub(crate) fn at(snapshot: &Snapshot, reach: &Reach, address: IpAddr) -> Option<Resource> {
    if !is_dispatched(snapshot, address) {
        return None;
    }
    let key = AddressKey { address, reach: reach.clone() };
    let Some(Owner::Workload(key)) = snapshot.addresses.get(&key) else { return None };
    let workload = snapshot.workloads.get(key).filter(|workload| workload.addresses.contains(&address))?;
    let subject = Subject::DirectAt(address);
    let cluster = match workload.transport_undeclared() {
        Transport::Plain => cluster::passthrough(&snapshot.mesh, &subject),
        Transport::Mesh(identity) => cluster::direct(&snapshot.mesh, &subject, &identity),
        Transport::Refused => return None,
    };
    Some(Resource { body: xds::pack(&cluster), sources: BTreeSet::from([key.source()]), needs: Vec::new() })
}

/// The filters that take a connection to the cluster of its address, and close it where there is none.
pub(crate) fn dispatch(mesh: &Mesh) -> Vec<xds::Filter> {
    use xds::filter_state_value::{Key, Value};
    use xds::substitution_format_string::Format;
    let name = format!("{}%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", crate::resource_name::DIRECT);
    let text = xds::DataSource {
        specifier: Some(xds::data_source::Specifier::InlineString(name)),
        ..Default::default()
    };
    let format = xds::SubstitutionFormatString {
        format: Some(Format::TextFormatSource(text)),
        ..xds::SubstitutionFormatString::default()
    };
    let cluster = xds::FilterStateValue {
        key: Some(Key::ObjectKey("envoy.tcp_proxy.cluster".into())),
        value: Some(Value::FormatString(format)),
        ..xds::FilterStateValue::default()
    };
    let choice = xds::SetFilterState { on_new_connection: vec![cluster], ..xds::SetFilterState::default() };
    vec![
        network_filter("envoy.filters.network.set_filter_state", &choice),
        tcp::proxy(mesh, Direction::Outbound, &Subject::Blackhole.to_string()),
    ]
}

/// The listener at the addresses of a headless Service's port that no workload backs.
pub(crate) fn of_headless(snapshot: &Snapshot, reach: &Reach, port: &ServicePortKey) -> Option<Resource> {
    let mut listener = listener(&port.to_string(), hand_made(snapshot, reach, port))?;
    let passthrough = Subject::Passthrough.name();
    listener.filter_chains = vec![chain(snapshot, "any", None, &passthrough)];
    Some(Resource {
        body: xds::pack(&listener),
        sources: BTreeSet::from([port.service.source()]),
        needs: vec![ResourceKey { ty: ResourceType::Cluster, name: passthrough }],
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

/// The endpoints of a headless Service's port that no workload backs, at addresses that are the Service's.
fn hand_made(snapshot: &Snapshot, reach: &Reach, port: &ServicePortKey) -> BTreeSet<SocketAddr> {
    let items = snapshot.endpoints.get(port).map(|endpoint| endpoint.items.as_slice()).unwrap_or_default();
    let own = |item: &&Endpoint| match snapshot.addresses.seen_from(reach, item.address) {
        Some(Owner::Endpoints(ports)) => ports.get(&item.port) == Some(port),
        Some(Owner::Service(_) | Owner::Workload(_) | Owner::Node(_) | Owner::ApiServer) | None => false,
    };
    let plain = items.iter().filter(|item| item.workload.is_none() && item.transport == Transport::Plain);
    let all = plain.filter(own).map(|item| SocketAddr::new(item.address, item.port));
    unless_for_all(snapshot, reach, all.collect(), SocketAddr::ip)
}

/// The identities that listeners dial.
pub(crate) fn identities(snapshot: &Snapshot, reach: &Reach) -> BTreeSet<Identity> {
    let all = match reach {
        Reach::Mesh => snapshot.workloads.iter(),
        Reach::Namespace(namespace) => snapshot.workloads.range_from(&externals(namespace)),
    };
    let of_reach = all.take_while(|(key, _)| match reach {
        Reach::Mesh => true,
        Reach::Namespace(namespace) => key.namespace == *namespace,
    });
    of_reach.filter_map(|(_, workload)| listener_identity(snapshot, reach, workload)).cloned().collect()
}

/// The least key that an ExternalWorkload of a namespace may have.
pub(crate) fn externals(namespace: &Name) -> WorkloadKey {
    WorkloadKey::new(WorkloadKind::External, namespace.clone(), "")
}

/// Returns whether some listener dials the identity. Workloads have identities of their own namespace only.
pub(crate) fn is_dialled(snapshot: &Snapshot, reach: &Reach, identity: &Identity) -> bool {
    let first = WorkloadKey::new(WorkloadKind::Pod, identity.namespace.clone(), "");
    let in_namespace = snapshot.workloads.range_from(&first);
    in_namespace
        .take_while(|(key, _)| key.namespace == identity.namespace)
        .filter(|(_, workload)| workload.identity.as_ref() == Some(identity))
        .any(|(_, workload)| listener_identity(snapshot, reach, workload).is_some())
}

/// The identity that a workload's listener dials.
pub(crate) fn dialled_as<'a>(
    snapshot: &'a Snapshot,
    reach: &Reach,
    key: &WorkloadKey,
) -> Option<&'a Identity> {
    listener_identity(snapshot, reach, snapshot.workloads.get(key)?)
}

/// The workload's identity, if its listener has a port that is dialled as it.
fn listener_identity<'a>(snapshot: &Snapshot, reach: &Reach, workload: &'a Workload) -> Option<&'a Identity> {
    let places = owned(snapshot, reach, workload).into_iter();
    let mut ports = places.flat_map(|ip| own_ports(snapshot, workload, ip).into_values());
    ports.any(|transport| matches!(transport, Transport::Mesh(_))).then_some(workload.identity.as_ref())?
}

/// The ports of a workload that need a listener at one of its addresses: those that are not dialled as all others are,
/// which its cluster takes; where it can have none, those that somebody declares.
fn own_ports(snapshot: &Snapshot, workload: &Workload, address: IpAddr) -> BTreeMap<u16, Transport> {
    let declared = workload.inbound.iter().map(|port| port.port);
    let dialled = |port| (port, workload.transport_from(DataPlane::Envoy, port));
    match snapshot.closed_network_of(address) {
        Some(_) => {
            let undeclared = workload.transport_undeclared();
            let named = declared.chain(workload.skip_inbound_ports.iter().copied());
            named.map(dialled).filter(|(_, transport)| *transport != undeclared).collect()
        }
        None => declared.map(dialled).collect(),
    }
}

fn to(transport: &Transport) -> Subject {
    match transport {
        Transport::Plain => Subject::Passthrough,
        Transport::Mesh(identity) => Subject::DirectTo(identity.clone()),
        Transport::Refused => Subject::Blackhole,
    }
}

/// The addresses that are the workload's and nobody else's.
fn owned(snapshot: &Snapshot, reach: &Reach, workload: &Workload) -> BTreeSet<IpAddr> {
    if workload.host_network {
        return BTreeSet::new();
    }
    let all = workload.addresses.iter().filter(|ip| owns(snapshot, reach, workload, **ip));
    unless_for_all(snapshot, reach, all.copied().collect(), |ip| *ip)
}

/// Returns whether an address is the workload's, as clients of this reach see it.
pub(crate) fn owns(snapshot: &Snapshot, reach: &Reach, workload: &Workload, address: IpAddr) -> bool {
    match snapshot.addresses.seen_from(reach, address) {
        Some(Owner::Workload(owner)) => *owner == workload.key,
        Some(Owner::Service(_) | Owner::Endpoints(_) | Owner::Node(_) | Owner::ApiServer) | None => false,
    }
}

/// All of these places, but none of them for one namespace's clients if none is theirs alone: what all clients see is
/// given to all.
fn unless_for_all<T>(
    snapshot: &Snapshot,
    reach: &Reach,
    places: BTreeSet<T>,
    ip: impl Fn(&T) -> IpAddr,
) -> BTreeSet<T> {
    let is_own = |place: &T| {
        let key = AddressKey { address: ip(place), reach: reach.clone() };
        snapshot.addresses.contains_key(&key)
    };
    if places.iter().any(is_own) { places } else { BTreeSet::new() }
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
    outbound::chain(word, port, &BTreeSet::new(), vec![filter])
}

/// Returns whether connections to an address that have no listener of their own go to the cluster of the address.
fn is_dispatched(snapshot: &Snapshot, address: IpAddr) -> bool {
    snapshot.closed_network_of(address).is_some_and(|(_, network)| has_chain(snapshot, network))
}

/// Returns whether a network has a chain. A Pod that is dialled in plain text needs none where the rest is passed through.
pub(crate) fn has_chain(snapshot: &Snapshot, network: &ClusterNetwork) -> bool {
    let ClusterNetwork { source, shared } = network;
    if source.kind != Kind::Pod {
        return !shared;
    }
    let key = WorkloadKey::new(WorkloadKind::Pod, source.namespace.clone(), source.name.clone());
    let pod = snapshot.workloads.get(&key);
    snapshot.mesh.egress == Egress::Deny
        || pod.is_some_and(|pod| pod.transport_undeclared() != Transport::Plain)
}

//! The listener that captures what goes out and hands it to the listener of the dialled address.
//!
//! It keeps what has none, by filter chains that each match one network, since a prefix that is added to a chain cuts the
//! connections that the chain has, and a chain that is added cuts none:
//!
//! | chain | dialled | what becomes of it |
//! |---|---|---|
//! | `mesh:<network>` | a network of the mesh | goes to the cluster of its address and port, which is asked for |
//! | `mesh:<address>` | what no network holds: a virtual IP; a workload that is not dialled in plain text | the same |
//! | `rest` | everything else | passed through or closed, as the Mesh says |
//!
//! Where the rest is closed, what no network holds has chains too if it is dialled in plain text.

use crate::access_log::Direction;
use crate::at::is_plain;
use crate::outbound::chain;
use crate::resource::Resource;
use crate::resource_name::Subject;
use crate::{address, cluster, inspect, limits, tcp, xds};
use heddle_model::fact::{Egress, ServiceForm};
use heddle_model::snapshot::Workload;
use heddle_model::{
    AddressKey, ClusterNetwork, Kind, Name, Owner, Reach, ServiceKey, ServicePortKey, Snapshot, WorkloadKey,
    WorkloadKind,
};
use heddle_proto::ResourceType;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The port to which packet rules send what goes out.
const CAPTURE_PORT: u16 = 15001;
/// The permissions of the socket by which connections are handed back: the proxy's own user may use it.
const OWN: u32 = 0o600;

/// The listener as clients of this reach have it, at IPv6 too where they have it (`six`).
pub(crate) fn listener(snapshot: &Snapshot, reach: &Reach, six: bool) -> Resource {
    let mesh = &snapshot.mesh;
    let blackhole = Subject::Blackhole.to_string();
    let closed = || tcp::proxy(mesh, Direction::Outbound, &blackhole);
    let own_port = chain("self", Some(CAPTURE_PORT), &BTreeSet::new(), vec![closed()]);
    let networks = kept(snapshot, reach).into_iter().map(|network| {
        chain(&format!("mesh:{network}"), None, &BTreeSet::from([network]), tcp::asking(mesh, &blackhole))
    });
    let rest = match mesh.egress {
        Egress::Allow => tcp::proxy(mesh, Direction::Outbound, &Subject::Passthrough.to_string()),
        Egress::Deny => closed(),
    };
    let rest = chain("rest", None, &BTreeSet::new(), vec![rest]);
    let listener = xds::Listener {
        name: Subject::Outbound.to_string(),
        address: Some(address::socket(Ipv4Addr::LOCALHOST.into(), CAPTURE_PORT)),
        additional_addresses: six
            .then(|| address::additional(Ipv6Addr::LOCALHOST.into(), CAPTURE_PORT))
            .into_iter()
            .collect(),
        use_original_dst: xds::flag(true),
        listener_filters: vec![inspect::original_destination()],
        filter_chains: [own_port].into_iter().chain(networks).chain([rest]).collect(),
        traffic_direction: xds::TrafficDirection::Outbound.into(),
        tcp_keepalive: Some(limits::keepalive()),
        ..xds::Listener::default()
    };
    Resource {
        body: xds::pack(&listener),
        sources: BTreeSet::new(),
        needs: [Subject::Blackhole, Subject::Passthrough].map(|to| to.key(ResourceType::Cluster)).into(),
    }
}

/// The listener by which a connection that was handed back goes to the listener of the address that was dialled. One that
/// finds none there is closed, and so goes round no more.
pub(crate) fn handback(snapshot: &Snapshot) -> Resource {
    let blackhole = Subject::Blackhole;
    let closed = tcp::proxy(&snapshot.mesh, Direction::Outbound, &blackhole.to_string());
    let listener = xds::Listener {
        name: Subject::Handback.to_string(),
        address: Some(address::pipe(cluster::HANDBACK, Some(OWN))),
        use_original_dst: xds::flag(true),
        listener_filters: vec![inspect::handed_back()],
        filter_chains: vec![chain("nobody", None, &BTreeSet::new(), vec![closed])],
        traffic_direction: xds::TrafficDirection::Outbound.into(),
        ..xds::Listener::default()
    };
    Resource {
        body: xds::pack(&listener),
        sources: BTreeSet::new(),
        needs: vec![blackhole.key(ResourceType::Cluster)],
    }
}

/// Returns whether a namespace's clients alone have something that is kept.
pub(crate) fn has_own(snapshot: &Snapshot, namespace: &Name) -> bool {
    let reach = Reach::Namespace(namespace.clone());
    let externals =
        snapshot.workloads.range_from(&WorkloadKey::new(WorkloadKind::External, namespace.clone(), ""));
    let externals = externals.take_while(|(key, _)| key.namespace == *namespace);
    let claimed = externals.flat_map(|(_, workload)| &workload.addresses).copied();
    let services = snapshot.services.range_from(&ServiceKey::new(namespace.clone(), ""));
    let services = services.take_while(|(key, _)| key.namespace == *namespace);
    let headless = services.filter(|(_, service)| service.form == ServiceForm::Headless);
    let ports = headless.flat_map(|(key, service)| {
        service.ports.iter().map(|port| ServicePortKey { service: key.clone(), port: port.number })
    });
    let endpoints = ports.filter_map(|port| snapshot.endpoints.get(&port));
    let listed = endpoints.flat_map(|endpoints| endpoints.items.iter().map(|item| item.address));
    let mut own = claimed.chain(listed).map(|address| AddressKey { address, reach: reach.clone() });
    own.any(|key| snapshot.addresses.get(&key).is_some_and(|owner| is_kept(snapshot, key.address, owner)))
}

/// Returns whether an address that no network holds has a chain, by its owner.
fn is_kept(snapshot: &Snapshot, address: IpAddr, owner: &Owner) -> bool {
    let is_stray = snapshot.network_of(address).is_none();
    is_stray
        && match owner {
            Owner::Service(_) => true,
            Owner::Workload(key) => differs_from_rest(snapshot, key),
            Owner::Endpoints(_) => snapshot.mesh.egress == Egress::Deny,
            Owner::Node(_) | Owner::ApiServer => false,
        }
}

/// Returns whether a workload is dialled otherwise than what is outside of the mesh: in mesh TLS, or at all.
fn differs_from_rest(snapshot: &Snapshot, key: &WorkloadKey) -> bool {
    let found = snapshot.workloads.get(key);
    snapshot.mesh.egress == Egress::Deny || found.is_some_and(|workload| !is_plain(workload))
}

/// The networks that are kept because of a workload, which depend on how it is dialled.
pub(crate) fn of_workload(snapshot: &Snapshot, reach: &Reach, workload: &Workload) -> BTreeSet<IpNet> {
    let kept = workload.addresses.iter().filter(|address| {
        let owner = snapshot.addresses.seen_from(reach, **address);
        owner.is_some_and(|owner| is_kept(snapshot, **address, owner))
            || snapshot.networks.get(&IpNet::from(**address)).is_some_and(|network| {
                network.source == workload.key.source() && has_chain(snapshot, network)
            })
    });
    kept.map(|address| IpNet::from(*address)).collect()
}

fn kept(snapshot: &Snapshot, reach: &Reach) -> BTreeSet<IpNet> {
    let seen = snapshot.addresses.iter().filter(|(key, _)| key.reach == Reach::Mesh || key.reach == *reach);
    let strays = seen.filter(|(key, owner)| is_kept(snapshot, key.address, owner));
    let strays = strays.map(|(key, _)| IpNet::from(key.address));
    let stated = snapshot.networks.iter().filter(|(_, network)| has_chain(snapshot, network));
    strays.chain(stated.map(|(network, _)| *network)).collect()
}

/// Returns whether a network has a chain. A Pod that is dialled in plain text needs none where the rest is passed through.
fn has_chain(snapshot: &Snapshot, network: &ClusterNetwork) -> bool {
    let ClusterNetwork { source, shared: _ } = network;
    if source.kind != Kind::Pod {
        return true;
    }
    let key = WorkloadKey::new(WorkloadKind::Pod, source.namespace.clone(), source.name.clone());
    differs_from_rest(snapshot, &key)
}

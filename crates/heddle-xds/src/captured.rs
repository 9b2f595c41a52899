//! The listener that captures what goes out and hands it to the listener of the dialled address.
//!
//! It keeps what has none, by filter chains that each match one network, since a prefix that is added to a chain cuts the
//! connections that the chain has, and a chain that is added cuts none:
//!
//! | chain | dialled | what becomes of it |
//! |---|---|---|
//! | `mesh:<network>` | a network that is the Pods' and Services' alone, or a Pod that none of these holds | goes to the cluster of its address; closed where there is none |
//! | `mesh:<address>` | a virtual IP that no such network holds, at a port that its Service lacks | closed |
//! | `mesh:<address>` | a Strict ExternalWorkload that no such network holds, at a port that nobody declares | closed |
//! | `rest` | everything else, a Node's address included | passed through or closed, as the Mesh says |

use crate::access_log::Direction;
use crate::outbound::chain;
use crate::resource::{Resource, ResourceKey};
use crate::resource_name::Subject;
use crate::{address, direct, inspect, limits, tcp, xds};
use heddle_model::fact::{Egress, Mtls, ServiceForm};
use heddle_model::snapshot::{Service, Workload};
use heddle_model::{Name, Reach, Snapshot};
use heddle_proto::ResourceType;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The port to which packet rules send what goes out.
const CAPTURE_PORT: u16 = 15001;

/// The fate of connections to a network that have no listener of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// They go to the cluster of the dialled address.
    Dispatched,
    /// They are closed.
    Closed,
}

/// The listener as clients of this reach have it, at IPv6 too where they have it (`six`).
pub(crate) fn listener(snapshot: &Snapshot, reach: &Reach, six: bool) -> Resource {
    let mesh = &snapshot.mesh;
    let blackhole = || tcp::proxy(mesh, Direction::Outbound, &Subject::Blackhole.to_string());
    let own_port = chain("self", Some(CAPTURE_PORT), &BTreeSet::new(), vec![blackhole()]);
    let networks = kept(snapshot, reach).into_iter().map(|(network, kept)| {
        let filters = match kept {
            Kept::Dispatched => direct::dispatch(mesh),
            Kept::Closed => vec![blackhole()],
        };
        chain(&format!("mesh:{network}"), None, &BTreeSet::from([network]), filters)
    });
    let rest = match mesh.egress {
        Egress::Allow => tcp::proxy(mesh, Direction::Outbound, &Subject::Passthrough.to_string()),
        Egress::Deny => blackhole(),
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
    let cluster = |subject: Subject| ResourceKey { ty: ResourceType::Cluster, name: subject.name() };
    Resource {
        body: xds::pack(&listener),
        sources: BTreeSet::new(),
        needs: vec![cluster(Subject::Blackhole), cluster(Subject::Passthrough)],
    }
}

/// The networks that are kept because of a Service: its virtual IPs that no network holds.
pub(crate) fn of_service(snapshot: &Snapshot, service: &Service) -> BTreeSet<IpNet> {
    match &service.form {
        ServiceForm::Virtual(addresses) => strays(snapshot, addresses.iter().copied()),
        ServiceForm::Headless | ServiceForm::External(_) => BTreeSet::new(),
    }
}

/// The networks that are kept because of a workload: the addresses of a Strict one that are its own, as clients of this
/// reach see it, and that no network holds; and those of a Pod that are networks of their own.
pub(crate) fn of_workload(snapshot: &Snapshot, reach: &Reach, workload: &Workload) -> BTreeSet<IpNet> {
    let alone = workload.addresses.iter().map(|address| IpNet::from(*address)).filter(|network| {
        let network = snapshot.networks.get(network);
        network.is_some_and(|network| {
            network.source == workload.key.source() && direct::has_chain(snapshot, network)
        })
    });
    alone.chain(strict_strays(snapshot, reach, workload)).collect()
}

/// Returns whether a namespace's clients alone have something that is kept.
pub(crate) fn has_own(snapshot: &Snapshot, namespace: &Name) -> bool {
    let reach = Reach::Namespace(namespace.clone());
    let externals = snapshot.workloads.range_from(&direct::externals(namespace));
    let mut own = externals.take_while(|(key, _)| key.namespace == *namespace);
    own.any(|(_, workload)| {
        strict_strays(snapshot, &reach, workload) != strict_strays(snapshot, &Reach::Mesh, workload)
    })
}

fn kept(snapshot: &Snapshot, reach: &Reach) -> BTreeMap<IpNet, Kept> {
    let services = snapshot.services.values().flat_map(|service| of_service(snapshot, service));
    let workloads = snapshot.workloads.values();
    let workloads = workloads.flat_map(|workload| strict_strays(snapshot, reach, workload));
    let mut kept: BTreeMap<_, _> = services.chain(workloads).map(|network| (network, Kept::Closed)).collect();
    let stated = snapshot.networks.iter().filter(|(_, network)| direct::has_chain(snapshot, network));
    kept.extend(stated.map(|(network, _)| (*network, Kept::Dispatched)));
    kept
}

fn strict_strays(snapshot: &Snapshot, reach: &Reach, workload: &Workload) -> BTreeSet<IpNet> {
    match workload.undeclared.mtls {
        Mtls::Strict if !workload.host_network => {
            let own = workload.addresses.iter().filter(|ip| direct::owns(snapshot, reach, workload, **ip));
            strays(snapshot, own.copied())
        }
        Mtls::Strict | Mtls::Permissive | Mtls::Disabled => BTreeSet::new(),
    }
}

fn strays(snapshot: &Snapshot, addresses: impl Iterator<Item = IpAddr>) -> BTreeSet<IpNet> {
    let stray = addresses.filter(|address| snapshot.closed_network_of(*address).is_none());
    stray.map(IpNet::from).collect()
}

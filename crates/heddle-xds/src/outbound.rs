//! What goes out: a listener for each port of a Service, and the one that captures all the rest.

use crate::capture::Capture;
use crate::family_port::FamilyPort;
use crate::http::{Direction, Manager, Paths};
use crate::limits::{self, Tunnels};
use crate::resource::{Resource, ResourceKey, Type};
use crate::subject::Subject;
use crate::{address, direct, http, inspect, tcp, xds};
use heddle_model::fact::{Egress, Mesh, Mtls, Protocol, ServiceForm};
use heddle_model::snapshot::{Service, ServicePort, Workload};
use heddle_model::{AddressKey, Family, Name, Owner, Reach, Snapshot};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where packet rules send what goes out.
const CAPTURE_PORT: u16 = 15001;
/// The lowest port that may be bound without a capability.
const LEAST_FREE_PORT: u16 = 1024;

/// Whether requests to a port are routed by a table of its own.
pub(crate) fn is_routed(service: &Service, port: &ServicePort) -> bool {
    let virtual_ips = match &service.form {
        ServiceForm::Virtual(addresses) => !addresses.is_empty(),
        ServiceForm::Headless | ServiceForm::External(_) => false,
    };
    virtual_ips && may_be_http(port.protocol)
}

/// Where the listener of a port stands; nowhere for what has no virtual IP of its own, or cannot be bound.
pub(crate) fn places(
    snapshot: &Snapshot,
    service: &Service,
    at: &FamilyPort,
    capture: &Capture,
) -> Vec<IpAddr> {
    let bindable = match capture {
        Capture::Captured => true,
        Capture::Bound(_) => at.port.port >= LEAST_FREE_PORT,
    };
    let family = at.family(service);
    let is_here = |address: &&IpAddr| family.is_none_or(|family| Family::of(**address) == family);
    match &service.form {
        ServiceForm::Virtual(addresses) if bindable => {
            let own = |address: &&IpAddr| match snapshot.addresses.get(&AddressKey::of_mesh(**address)) {
                Some(Owner::Service(owner)) => *owner == service.key,
                Some(Owner::Workload(_) | Owner::Endpoints(_) | Owner::Node(_) | Owner::ApiServer) => false,
                None => true,
            };
            let placed: BTreeSet<_> =
                addresses.iter().filter(is_here).filter(own).map(|address| capture.place(*address)).collect();
            placed.into_iter().collect()
        }
        ServiceForm::Virtual(_) | ServiceForm::Headless | ServiceForm::External(_) => Vec::new(),
    }
}

/// The listener of a port at its virtual IPs of one family.
pub(crate) fn of_port(
    snapshot: &Snapshot,
    at: &FamilyPort,
    (service, port): (&Service, &ServicePort),
    capture: &Capture,
) -> Option<Resource> {
    let mesh = &snapshot.mesh;
    let name = at.to_string();
    let places = places(snapshot, service, at, capture);
    let (first, more) = places.split_first()?;
    let detects = port.protocol == Protocol::Detect;
    let needs = |ty| ResourceKey::new(ty, name.clone());
    let listener = xds::Listener {
        name: name.clone(),
        address: Some(address::socket(*first, port.number)),
        additional_addresses: more.iter().map(|at| address::additional(*at, port.number)).collect(),
        bind_to_port: match capture {
            Capture::Captured => xds::flag(false),
            Capture::Bound(_) => None,
        },
        listener_filters: detects.then(|| inspect::http(&BTreeSet::new())).into_iter().collect(),
        listener_filters_timeout: detects.then_some(inspect::PATIENCE).and_then(xds::duration),
        continue_on_listener_filters_timeout: detects,
        filter_chains: chains(mesh, port.protocol, &name),
        traffic_direction: xds::TrafficDirection::Outbound.into(),
        ..xds::Listener::default()
    };
    let route = may_be_http(port.protocol).then(|| needs(Type::Route));
    let cluster = carries_bytes(port.protocol).then(|| needs(Type::Cluster));
    Some(Resource {
        body: xds::pack(&listener),
        sources: BTreeSet::from([service.key.source()]),
        needs: cluster.into_iter().chain(route).collect(),
    })
}

/// The listener that captures what goes out and hands it to the listener of the dialled address. What it keeps
/// has none: within the mesh it goes to the cluster of its address, and is refused where that has none; else it is
/// passed through or refused as the Mesh says.
pub(crate) fn captured(snapshot: &Snapshot, reach: &Reach, six: bool) -> Resource {
    let mesh = &snapshot.mesh;
    let blackhole = || tcp::proxy(mesh, Direction::Outbound, &Subject::Blackhole.to_string());
    let inside = inside(snapshot, reach);
    let own_port = chain("self", Some(CAPTURE_PORT), &BTreeSet::new(), vec![blackhole()]);
    // Of a mesh without networks only what must not be passed through is told from the rest.
    let dispatch = if mesh.networks.is_empty() { vec![blackhole()] } else { direct::dispatch(mesh) };
    let within = (!inside.is_empty()).then(|| chain("mesh", None, &inside, dispatch));
    let rest = match mesh.egress {
        Egress::Allow => tcp::proxy(mesh, Direction::Outbound, &Subject::Passthrough.to_string()),
        Egress::Deny => blackhole(),
    };
    let listener = xds::Listener {
        name: Subject::Outbound.to_string(),
        address: Some(address::socket(Ipv4Addr::LOCALHOST.into(), CAPTURE_PORT)),
        additional_addresses: six
            .then(|| address::additional(Ipv6Addr::LOCALHOST.into(), CAPTURE_PORT))
            .into_iter()
            .collect(),
        use_original_dst: xds::flag(true),
        listener_filters: vec![inspect::original_destination()],
        filter_chains: [own_port]
            .into_iter()
            .chain(within)
            .chain([chain("rest", None, &BTreeSet::new(), vec![rest])])
            .collect(),
        traffic_direction: xds::TrafficDirection::Outbound.into(),
        tcp_keepalive: Some(limits::keepalive()),
        ..xds::Listener::default()
    };
    let cluster = |subject: Subject| ResourceKey { ty: Type::Cluster, name: subject.name() };
    Resource {
        body: xds::pack(&listener),
        sources: BTreeSet::new(),
        needs: vec![cluster(Subject::Blackhole), cluster(Subject::Passthrough)],
    }
}

/// What is never passed through as it is: the mesh's networks, and beside them every virtual IP and the addresses of
/// those workloads whose undeclared ports are Strict. In a cluster whose Mesh names its networks there is none
/// beside them, and the list does not change with the mesh.
fn inside(snapshot: &Snapshot, reach: &Reach) -> BTreeSet<IpNet> {
    let mut inside: BTreeSet<IpNet> = snapshot.mesh.networks.iter().map(IpNet::trunc).collect();
    inside.extend(snapshot.services.values().flat_map(|service| stray_service(&snapshot.mesh, service)));
    let workloads = snapshot.workloads.values();
    inside.extend(workloads.flat_map(|workload| stray_workload(snapshot, reach, workload)));
    inside
}

/// The virtual IPs of a Service that no network of the mesh holds.
pub(crate) fn stray_service(mesh: &Mesh, service: &Service) -> BTreeSet<IpNet> {
    match &service.form {
        ServiceForm::Virtual(addresses) => strays(mesh, addresses),
        ServiceForm::Headless | ServiceForm::External(_) => BTreeSet::new(),
    }
}

/// The addresses of a Strict workload that are its own, as clients of this reach see it, and that no network of the mesh
/// holds.
pub(crate) fn stray_workload(snapshot: &Snapshot, reach: &Reach, workload: &Workload) -> BTreeSet<IpNet> {
    match workload.undeclared.mtls {
        Mtls::Strict if !workload.host_network => {
            let own = workload.addresses.iter().filter(|ip| direct::owns(snapshot, reach, workload, **ip));
            strays(&snapshot.mesh, &own.copied().collect::<Vec<_>>())
        }
        Mtls::Strict | Mtls::Permissive | Mtls::Disabled => BTreeSet::new(),
    }
}

/// Whether a namespace's clients alone have something that is never passed through as it is.
pub(crate) fn has_own_strays(snapshot: &Snapshot, namespace: &Name) -> bool {
    let reach = Reach::Namespace(namespace.clone());
    let externals = snapshot.workloads.range_from(&direct::externals(namespace));
    let mut own = externals.take_while(|(key, _)| key.namespace == *namespace);
    own.any(|(_, workload)| {
        let for_all = stray_workload(snapshot, &Reach::Mesh, workload);
        stray_workload(snapshot, &reach, workload) != for_all
    })
}

fn strays(mesh: &Mesh, addresses: &[IpAddr]) -> BTreeSet<IpNet> {
    let outside = |address: &&IpAddr| mesh.network_of(**address).is_none();
    addresses.iter().filter(outside).map(|address| IpNet::from(*address)).collect()
}

fn may_be_http(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Detect => true,
        Protocol::Tcp | Protocol::Opaque => false,
    }
}

fn carries_bytes(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Tcp | Protocol::Opaque | Protocol::Detect => true,
        Protocol::Http | Protocol::Http2 | Protocol::Grpc => false,
    }
}

fn chains(mesh: &Mesh, protocol: Protocol, name: &str) -> Vec<xds::FilterChain> {
    let mut chains = Vec::new();
    if may_be_http(protocol) {
        chains.push(requests(mesh, protocol, name));
    }
    if carries_bytes(protocol) {
        chains.push(chain(
            "bytes",
            None,
            &BTreeSet::new(),
            vec![tcp::proxy(mesh, Direction::Outbound, name)],
        ));
    }
    chains
}

fn requests(mesh: &Mesh, protocol: Protocol, name: &str) -> xds::FilterChain {
    let told: &[&str] = match protocol {
        Protocol::Detect => &["http/1.0", "http/1.1", "h2c"],
        Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Tcp | Protocol::Opaque => &[],
    };
    let manager = Manager {
        mesh,
        direction: Direction::Outbound,
        stat_prefix: name.into(),
        // What the application sends is its own: no policy looks at it here.
        paths: Paths::AsSent,
        tunnels: Tunnels::Pass,
        filters: Vec::new(),
        routes: http::named_routes(name),
    };
    xds::FilterChain {
        name: "requests".into(),
        filter_chain_match: Some(xds::FilterChainMatch {
            application_protocols: told.iter().map(|name| (*name).into()).collect(),
            ..xds::FilterChainMatch::default()
        }),
        filters: vec![manager.filter()],
        ..xds::FilterChain::default()
    }
}

/// A chain for one destination port and some networks, where they are said.
pub(crate) fn chain(
    name: &str,
    port: Option<u16>,
    to: &BTreeSet<IpNet>,
    filters: Vec<xds::Filter>,
) -> xds::FilterChain {
    xds::FilterChain {
        name: name.into(),
        filter_chain_match: Some(xds::FilterChainMatch {
            destination_port: port.and_then(|port| xds::number(port.into())),
            prefix_ranges: to.iter().map(address::network).collect(),
            ..xds::FilterChainMatch::default()
        }),
        filters,
        ..xds::FilterChain::default()
    }
}

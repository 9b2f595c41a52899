//! A workload's inbound listeners and the clusters of its application.

mod chain;
mod routes;

use crate::access_log::Direction;
use crate::capture::Capture;
use crate::resource::{Resource, ResourceKey};
use crate::resource_name::Subject;
use crate::{address, cluster, inspect, limits, tcp, xds};
use chain::Port;
use heddle_model::SourceRef;
use heddle_model::fact::{Mesh, Protocol};
use heddle_model::snapshot::{InboundPort, Workload};
use heddle_proto::ResourceType;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The port to which packet rules send what comes in.
const CAPTURE_PORT: u16 = 15006;

/// Returns what a workload's proxy has for what comes in, by name.
pub(crate) fn names(workload: &Workload, capture: &Capture) -> BTreeSet<ResourceKey> {
    let subjects =
        |ty, all: Vec<Subject>| all.into_iter().map(move |one| ResourceKey { ty, name: one.name() });
    if !is_guarded(workload) {
        return BTreeSet::new();
    }
    let (listeners, mut clusters): (Vec<_>, Vec<_>) = match capture {
        Capture::Captured => (vec![Subject::Inbound], vec![Subject::OtherApplications]),
        Capture::Bound(_) => (bound_at(workload).map(|(at, _)| Subject::InboundAt(at)).collect(), vec![]),
    };
    let ports = workload.inbound.iter().filter(|port| has_application(port, capture));
    clusters.extend(ports.map(|port| Subject::Application(port.port)));
    let mut routes: Vec<_> = workload
        .inbound
        .iter()
        .filter(|port| has_routes(workload, port, capture))
        .map(|port| Subject::Application(port.port))
        .collect();
    routes.extend((*capture == Capture::Captured).then_some(Subject::OtherApplications));
    let all = subjects(ResourceType::Listener, listeners).chain(subjects(ResourceType::Cluster, clusters));
    all.chain(subjects(ResourceType::Route, routes)).collect()
}

/// The listener of all inbound traffic, where it is captured.
///
/// Ports are told by the destination that packet rules have changed; filter chains are chosen by port first, and what
/// finds no chain at its own port is closed, never tried elsewhere.
pub(crate) fn captured(mesh: &Mesh, workload: &Workload) -> Option<Resource> {
    if !is_guarded(workload) {
        return None;
    }
    let ports = captured_ports(mesh, workload);
    // Envoy refuses a listener with two chains for one port: the capture port has its own.
    let skipped: BTreeSet<u16> =
        workload.skip_inbound_ports.iter().copied().filter(|port| *port != CAPTURE_PORT).collect();
    let mut filter_chains: Vec<_> = ports.iter().flat_map(Port::chains).collect();
    filter_chains.extend(skipped.iter().map(|port| passed_on(mesh, *port)));
    filter_chains.push(own_port(mesh));
    let at = |but: &dyn Fn(&Port) -> bool| -> BTreeSet<u16> {
        ports
            .iter()
            .filter(|port| !but(port))
            .filter_map(|port| port.number)
            .chain(skipped.iter().copied())
            .collect()
    };
    let listener = xds::Listener {
        listener_filters: vec![
            inspect::original_destination(),
            inspect::tls(&at(&|port: &Port| port.needs_tls_told())),
            inspect::http(&at(&|port: &Port| port.needs_http_told())),
        ],
        filter_chains,
        ..listener(&Subject::Inbound, (Ipv4Addr::UNSPECIFIED.into(), CAPTURE_PORT), &ports)
    };
    let six = workload.addresses.iter().any(IpAddr::is_ipv6);
    let also = six.then(|| address::additional(Ipv6Addr::UNSPECIFIED.into(), CAPTURE_PORT));
    let listener = xds::Listener { additional_addresses: also.into_iter().collect(), ..listener };
    let needs = names(workload, &Capture::Captured).into_iter();
    let needs = needs.filter(|key| matches!(key.ty, ResourceType::Cluster | ResourceType::Route));
    let blackhole = ResourceKey { ty: ResourceType::Cluster, name: Subject::Blackhole.name() };
    Some(Resource {
        body: xds::pack(&listener),
        sources: sources(workload, &ports),
        needs: needs.chain([blackhole]).collect(),
    })
}

/// The listener of one port at one address, which the proxy binds itself.
///
/// A port where the application itself listens (`app_port` is the same) has none: it cannot be bound twice.
pub(crate) fn bound(mesh: &Mesh, workload: &Workload, at: SocketAddr) -> Option<Resource> {
    if !is_guarded(workload) {
        return None;
    }
    let (_, declared) = bound_at(workload).find(|(address, _)| *address == at)?;
    let port = declared_port(mesh, declared, None);
    let mut filters = Vec::new();
    if port.needs_tls_told() {
        filters.push(inspect::tls(&BTreeSet::new()));
    }
    if port.needs_http_told() {
        filters.push(inspect::http(&BTreeSet::new()));
    }
    let filter_chains = port.chains();
    let mut needs = vec![ResourceKey::new(ResourceType::Cluster, port.cluster.clone())];
    needs.extend(
        Port::sees_requests(port.rules.protocol)
            .then(|| ResourceKey::new(ResourceType::Route, port.cluster.clone())),
    );
    let ports = [port];
    let listener = xds::Listener {
        listener_filters: filters,
        filter_chains,
        ..listener(&Subject::InboundAt(at), (at.ip(), at.port()), &ports)
    };
    Some(Resource { body: xds::pack(&listener), sources: sources(workload, &ports), needs })
}

/// The application behind a declared port.
pub(crate) fn application(
    mesh: &Mesh,
    workload: &Workload,
    capture: &Capture,
    port: u16,
) -> Option<Resource> {
    let declared = workload.inbound.iter().find(|declared| declared.port == port)?;
    if !is_guarded(workload) || !has_application(declared, capture) {
        return None;
    }
    let subject = Subject::Application(port);
    let cluster = match capture {
        Capture::Captured => {
            let elsewhere = (declared.app_port != port).then_some(declared.app_port);
            cluster::captured_application(mesh, &subject, declared.protocol, elsewhere)
        }
        Capture::Bound(_) => {
            let address = *workload.addresses.first()?;
            cluster::application(mesh, &subject, declared.protocol, (address, declared.app_port))
        }
    };
    Some(of_workload(workload, &cluster))
}

/// The routes of a declared port.
pub(crate) fn routes(mesh: &Mesh, workload: &Workload, capture: &Capture, port: u16) -> Option<Resource> {
    let declared = workload.inbound.iter().find(|declared| declared.port == port)?;
    if !is_guarded(workload) || !has_routes(workload, declared, capture) {
        return None;
    }
    let cluster = Subject::Application(port).to_string();
    let sources = BTreeSet::from([workload.key.source()]);
    Some(routes::of_port(mesh, &cluster, &declared.access, sources))
}

/// The routes of every other port, where traffic is captured.
pub(crate) fn other_routes(mesh: &Mesh, workload: &Workload) -> Option<Resource> {
    let cluster = Subject::OtherApplications.to_string();
    let sources = BTreeSet::from([workload.key.source()]);
    is_guarded(workload).then(|| routes::of_port(mesh, &cluster, &workload.undeclared.access, sources))
}

/// The application behind every other port, where traffic is captured.
pub(crate) fn other_applications(mesh: &Mesh, workload: &Workload) -> Option<Resource> {
    let subject = Subject::OtherApplications;
    let cluster = cluster::captured_application(mesh, &subject, Protocol::Detect, None);
    is_guarded(workload).then(|| of_workload(workload, &cluster))
}

/// Returns whether the workload's proxy guards it: without an identity it cannot, and on its Node's network no traffic
/// is its own.
fn is_guarded(workload: &Workload) -> bool {
    workload.identity.is_some() && !workload.host_network
}

fn has_application(port: &InboundPort, capture: &Capture) -> bool {
    match capture {
        Capture::Captured => true,
        Capture::Bound(_) => port.app_port != port.port,
    }
}

/// Returns whether the proxy sees requests at a port.
fn has_routes(workload: &Workload, port: &InboundPort, capture: &Capture) -> bool {
    has_application(port, capture)
        && Port::sees_requests(port.protocol)
        && !workload.skip_inbound_ports.contains(&port.port)
}

fn bound_at(workload: &Workload) -> impl Iterator<Item = (SocketAddr, &InboundPort)> {
    let ports = workload.inbound.iter().filter(|port| has_application(port, &Capture::Bound(None)));
    ports.flat_map(|port| {
        workload.addresses.iter().map(move |address| (SocketAddr::new(*address, port.port), port))
    })
}

/// Declared ports, then all others.
fn captured_ports<'a>(mesh: &'a Mesh, workload: &'a Workload) -> Vec<Port<'a>> {
    let is_seen =
        |port: &&InboundPort| port.port != CAPTURE_PORT && !workload.skip_inbound_ports.contains(&port.port);
    let seen = workload.inbound.iter().filter(is_seen);
    let mut ports: Vec<_> = seen.map(|port| declared_port(mesh, port, Some(port.port))).collect();
    let cluster = Subject::OtherApplications.to_string();
    ports.push(Port { mesh, number: None, rules: workload.undeclared.rules(), cluster });
    ports
}

fn declared_port<'a>(mesh: &'a Mesh, port: &'a InboundPort, number: Option<u16>) -> Port<'a> {
    Port { mesh, number, rules: port.rules(), cluster: Subject::Application(port.port).to_string() }
}

fn listener(subject: &Subject, at: (IpAddr, u16), ports: &[Port]) -> xds::Listener {
    let patient = ports.iter().any(Port::may_hear_the_server_first);
    xds::Listener {
        name: subject.to_string(),
        address: Some(address::socket(at.0, at.1)),
        traffic_direction: xds::TrafficDirection::Inbound.into(),
        tcp_keepalive: Some(limits::keepalive()),
        listener_filters_timeout: patient.then_some(inspect::PATIENCE).and_then(xds::duration),
        continue_on_listener_filters_timeout: patient,
        ..xds::Listener::default()
    }
}

/// A port that the proxy should never see, and leaves alone if it does.
fn passed_on(mesh: &Mesh, port: u16) -> xds::FilterChain {
    let cluster = Subject::OtherApplications.to_string();
    chain::at_port(port, "skipped", tcp::proxy(mesh, Direction::Inbound, &cluster))
}

/// A connection to the capture port itself would be sent round for ever.
fn own_port(mesh: &Mesh) -> xds::FilterChain {
    let blackhole = tcp::proxy(mesh, Direction::Inbound, &Subject::Blackhole.to_string());
    chain::at_port(CAPTURE_PORT, "self", blackhole)
}

fn of_workload(workload: &Workload, cluster: &xds::Cluster) -> Resource {
    Resource { body: xds::pack(cluster), sources: BTreeSet::from([workload.key.source()]), needs: Vec::new() }
}

fn sources(workload: &Workload, ports: &[Port]) -> BTreeSet<SourceRef> {
    let mut sources = BTreeSet::from([workload.key.source()]);
    for port in ports {
        sources.extend(port.rules.mtls_source.cloned());
        sources.extend(routes::policies(port.rules.access));
    }
    sources
}

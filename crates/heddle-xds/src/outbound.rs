//! Outbound listeners: one for each Service port.

use crate::access_log::Direction;
use crate::capture::Capture;
use crate::family_port::FamilyPort;
use crate::http::{Manager, Paths};
use crate::resource::{Resource, ResourceKey};
use crate::{address, http, inspect, tcp, xds};
use heddle_model::fact::{Mesh, Protocol, ServiceForm};
use heddle_model::snapshot::{Service, ServicePort};
use heddle_model::{AddressKey, Family, Owner, Snapshot};
use heddle_proto::ResourceType;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The lowest port that may be bound without a capability.
const LEAST_FREE_PORT: u16 = 1024;

/// Returns whether requests to a port are routed by a table of its own.
pub(crate) fn is_routed(service: &Service, port: &ServicePort) -> bool {
    let virtual_ips = match &service.form {
        ServiceForm::Virtual(addresses) => !addresses.is_empty(),
        ServiceForm::Headless | ServiceForm::External(_) => false,
    };
    virtual_ips && may_be_http(port.protocol)
}

/// Returns where the listener of a port stands; nowhere for what has no virtual IP of its own, or cannot be bound.
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
    let route = may_be_http(port.protocol).then(|| needs(ResourceType::Route));
    let cluster = carries_bytes(port.protocol).then(|| needs(ResourceType::Cluster));
    Some(Resource {
        body: xds::pack(&listener),
        sources: BTreeSet::from([service.key.source()]),
        needs: cluster.into_iter().chain(route).collect(),
    })
}

pub(crate) fn may_be_http(protocol: Protocol) -> bool {
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
    let alpn: &[&str] = match protocol {
        Protocol::Detect => &["http/1.0", "http/1.1", "h2c"],
        Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Tcp | Protocol::Opaque => &[],
    };
    let manager = Manager {
        mesh,
        direction: Direction::Outbound,
        stat_prefix: name.into(),
        // What the application sends is its own: no policy looks at it here.
        paths: Paths::AsSent,
        filters: Vec::new(),
        routes: http::named_routes(name),
    };
    xds::FilterChain {
        name: "requests".into(),
        filter_chain_match: Some(xds::FilterChainMatch {
            application_protocols: alpn.iter().map(|name| (*name).into()).collect(),
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

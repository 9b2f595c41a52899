//! The meaning of a dialled address.

use crate::verdict::{Destination, Step, Topic};
use heddle_model::fact::ServiceForm;
use heddle_model::{
    ClusterNetwork, Kind, Owner, Reach, ServiceKey, ServicePortKey, Snapshot, SourceRef, WorkloadKey,
};
use std::net::IpAddr;

/// Finds the destination of a client of this reach, and names the object that says so.
pub(crate) fn find(snapshot: &Snapshot, client: &Reach, address: IpAddr, port: u16) -> (Destination, Step) {
    let owner = snapshot.addresses.seen_from(client, address);
    if let Some(Owner::Service(service)) = owner {
        return virtual_ip(snapshot, service, address, port);
    }
    if let Some(key) = headless(snapshot, owner, address, port) {
        let text = format!("{address} port {port} is an endpoint of the headless Service port {key}");
        let source = Some(key.service.source());
        return (Destination::Headless(key), Step::new(Topic::Destination, source, "spec.clusterIP", text));
    }
    if let Some(Owner::Workload(workload)) = owner {
        let text = format!("{address} is the address of {workload}; no route applies to it");
        let step = Step::new(Topic::Destination, Some(workload.source()), "", text);
        return (Destination::Workload(workload.clone()), step);
    }
    nobody(snapshot, owner, address)
}

/// An address that no workload and no Service owns that the client knows.
fn nobody(snapshot: &Snapshot, owner: Option<&Owner>, address: IpAddr) -> (Destination, Step) {
    let others = snapshot.addresses.at(address).filter_map(|(key, owner)| match &key.reach {
        Reach::Mesh => None,
        Reach::Namespace(namespace) => {
            Some(format!("; {owner} has it for clients of namespace {namespace} only"))
        }
    });
    let others: String = others.take(4).collect();
    if let Some((network, ClusterNetwork { source, shared: _ })) = snapshot.closed_network_of(address) {
        let text = format!("{address} lies in the mesh's network {network}, and is nobody's{others}");
        let step = Step::new(Topic::Destination, Some(source.clone()), network_field(source), text);
        return (Destination::Unknown, step);
    }
    let (source, text) = match owner {
        Some(Owner::Node(name)) => {
            let node = SourceRef::new(Kind::Node, "", name.clone());
            (Some(node), format!("{address} is the address of Node {name}, and outside of the mesh"))
        }
        Some(Owner::ApiServer) => {
            (None, format!("{address} is the address of the API server, and outside of the mesh"))
        }
        Some(Owner::Service(_) | Owner::Workload(_) | Owner::Endpoints(_)) | None => {
            (None, format!("{address} is outside of the mesh{others}"))
        }
    };
    (Destination::Outside, Step::new(Topic::Destination, source, "", text))
}

/// Returns the field by which an object states a network.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other variants are alike here")]
fn network_field(source: &SourceRef) -> &'static str {
    match source.kind {
        Kind::Mesh => "spec.networks",
        Kind::ServiceCidr => "spec.cidrs",
        Kind::Node => "spec.podCIDRs",
        _ => "",
    }
}

fn virtual_ip(snapshot: &Snapshot, service: &ServiceKey, address: IpAddr, port: u16) -> (Destination, Step) {
    let key = ServicePortKey { service: service.clone(), port };
    let found =
        snapshot.services.get(service).and_then(|found| found.ports.iter().find(|p| p.number == port));
    let source = Some(service.source());
    let Some(found) = found else {
        let text = format!("{address} is a virtual IP of {service}, which has no port {port}");
        return (Destination::NoSuchPort(key), Step::new(Topic::Destination, source, "spec.ports", text));
    };
    let named = if found.name.is_empty() { String::new() } else { format!(" ({})", found.name) };
    let text = format!("{address} is a virtual IP of {service}, port {port}{named}");
    (Destination::Service(key), Step::new(Topic::Destination, source, "spec.clusterIPs", text))
}

/// The headless Service port that has this endpoint; the first by key where several have one of a workload.
fn headless(
    snapshot: &Snapshot,
    owner: Option<&Owner>,
    address: IpAddr,
    port: u16,
) -> Option<ServicePortKey> {
    if let Some(Owner::Endpoints(ports)) = owner {
        return ports.get(&port).cloned();
    }
    let is_there = |key: &WorkloadKey| match owner {
        Some(Owner::Workload(own)) => own == key,
        // A workload of the host's network is at an address of its Node.
        Some(Owner::Node(_) | Owner::ApiServer | Owner::Service(_) | Owner::Endpoints(_)) | None => {
            snapshot.workloads.get(key).is_some_and(|found| found.host_network)
        }
    };
    snapshot.services.iter().filter(|(_, service)| service.form == ServiceForm::Headless).find_map(
        |(key, service)| {
            service.ports.iter().find_map(|candidate| {
                let key = ServicePortKey { service: key.clone(), port: candidate.number };
                let endpoints = snapshot.endpoints.get(&key)?;
                let mut here = endpoints.items.iter().filter(|e| e.address == address && e.port == port);
                let here = here.any(|item| item.workload.as_ref().is_some_and(&is_there));
                here.then_some(key)
            })
        },
    )
}

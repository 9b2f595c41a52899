//! What a dialled address is.

use crate::verdict::{Destination, Step, Topic};
use heddle_model::fact::ServiceForm;
use heddle_model::snapshot::Owner;
use heddle_model::{Kind, ServiceKey, ServicePortKey, Snapshot, SourceRef};
use std::net::IpAddr;

/// Finds out who is called, and says by which object.
pub(crate) fn find(snapshot: &Snapshot, address: IpAddr, port: u16) -> (Destination, Step) {
    let step = |source, field: &str, text: String| Step::new(Topic::Destination, source, field, text);
    if let Some(Owner::Service(service)) = snapshot.addresses.get(&address) {
        return virtual_ip(snapshot, service, address, port);
    }
    if let Some(key) = headless(snapshot, address, port) {
        let text = format!("{address} port {port} is an endpoint of the headless Service port {key}");
        return (
            Destination::Headless(key.clone()),
            step(Some(key.service.source()), "spec.clusterIP", text),
        );
    }
    if let Some(Owner::Workload(workload)) = snapshot.addresses.get(&address) {
        let text = format!("{address} is the address of {workload}; no route applies to it");
        return (Destination::Workload(workload.clone()), step(Some(workload.source()), "", text));
    }
    let mesh = SourceRef::new(Kind::Mesh, "", "default");
    if let Some(network) = snapshot.mesh.network_of(address) {
        let text = format!("{address} lies in the mesh's network {network}, and is nobody's");
        return (Destination::Unknown, step(Some(mesh), "spec.networks", text));
    }
    (Destination::Outside, step(None, "", format!("{address} is outside of the mesh")))
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

/// The headless Service port that has this endpoint; the first by key where several do.
fn headless(snapshot: &Snapshot, address: IpAddr, port: u16) -> Option<ServicePortKey> {
    snapshot.services.iter().filter(|(_, service)| service.form == ServiceForm::Headless).find_map(
        |(key, service)| {
            service.ports.iter().find_map(|candidate| {
                let key = ServicePortKey { service: key.clone(), port: candidate.number };
                let endpoints = snapshot.endpoints.get(&key)?;
                let here = endpoints.items.iter().any(|e| e.address == address && e.port == port);
                here.then_some(key)
            })
        },
    )
}

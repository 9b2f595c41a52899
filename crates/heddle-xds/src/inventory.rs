//! Everything that a group holds.

use crate::capture::Capture;
use crate::family_port::{FamilyPort, ports};
use crate::group::Group;
use crate::project::project;
use crate::resource::ResourceKey;
use crate::resource_name::Subject;
use crate::{inbound, outbound};
use heddle_model::fact::Locality;
use heddle_model::{Name, Snapshot};
use heddle_proto::ResourceType;
use std::collections::BTreeSet;

/// The resources of every captured Envoy.
const CAPTURED: [(ResourceType, Subject); 4] = [
    (ResourceType::Listener, Subject::Outbound),
    (ResourceType::Listener, Subject::Handback),
    (ResourceType::Cluster, Subject::Passthrough),
    (ResourceType::Cluster, Subject::Blackhole),
];

/// The names of everything a group holds: exactly those of which [`project`] makes something.
pub fn names(group: &Group, snapshot: &Snapshot) -> BTreeSet<ResourceKey> {
    match group {
        Group::Mesh => of_mesh(snapshot),
        Group::Capture(capture) => of_capture(capture, snapshot),
        Group::Consumer(namespace) => of_consumer(namespace, snapshot),
        Group::Captured => CAPTURED.iter().map(|(ty, subject)| subject.key(*ty)).collect(),
        Group::OwnAddresses(_) | Group::DualStack(_) => {
            let listener = Subject::Outbound.key(ResourceType::Listener);
            [listener].into_iter().filter(|key| project(group, key, snapshot).is_some()).collect()
        }
        Group::Zone(_) | Group::Node(_) => of_place(group, snapshot),
        Group::Workload(key, capture) => match snapshot.workloads.get(key) {
            Some(workload) => inbound::names(workload, capture),
            None => BTreeSet::new(),
        },
    }
}

/// A resource named for a Service's port.
pub(crate) fn named(ty: ResourceType, at: &FamilyPort) -> ResourceKey {
    ResourceKey::new(ty, at.to_string())
}

fn all_ports(snapshot: &Snapshot) -> impl Iterator<Item = FamilyPort> {
    snapshot.services.values().flat_map(|service| ports(service))
}

fn of_mesh(snapshot: &Snapshot) -> BTreeSet<ResourceKey> {
    let mut names = BTreeSet::new();
    for key in all_ports(snapshot) {
        let Some((service, port)) = key.look_up(snapshot) else { continue };
        names.extend([named(ResourceType::Cluster, &key), named(ResourceType::Endpoint, &key)]);
        names.extend(outbound::is_routed(service, port).then(|| named(ResourceType::Route, &key)));
    }
    names
}

fn of_capture(capture: &Capture, snapshot: &Snapshot) -> BTreeSet<ResourceKey> {
    let mut names = BTreeSet::new();
    for service in snapshot.services.values() {
        let virtual_ips = |at: &FamilyPort| !outbound::places(snapshot, service, at, capture).is_empty();
        names.extend(ports(service).filter(virtual_ips).map(|at| named(ResourceType::Listener, &at)));
    }
    names
}

fn of_consumer(namespace: &Name, snapshot: &Snapshot) -> BTreeSet<ResourceKey> {
    let own = snapshot.routes.keys().filter(|key| key.consumer.as_ref() == Some(namespace));
    let families = own.flat_map(|key| {
        let service = snapshot.services.get(&key.port.service);
        FamilyPort::all(&key.port, service.map(|service| service.families).unwrap_or_default())
    });
    let routed = families
        .filter(|at| at.look_up(snapshot).is_some_and(|(service, port)| outbound::is_routed(service, port)));
    routed.map(|at| named(ResourceType::Route, &at)).collect()
}

fn of_place(group: &Group, snapshot: &Snapshot) -> BTreeSet<ResourceKey> {
    let local = snapshot.services.values().filter(|service| service.locality != Locality::Any);
    let names = local.flat_map(|service| ports(service)).map(|key| named(ResourceType::Endpoint, &key));
    names.filter(|key| project(group, key, snapshot).is_some()).collect()
}

//! Everything that a group holds.

use crate::capture::Capture;
use crate::family_port::FamilyPort;
use crate::group::Group;
use crate::project::{project, service_port};
use crate::resource::ResourceKey;
use crate::resource_name::Subject;
use crate::{direct, inbound, outbound};
use heddle_model::fact::Locality;
use heddle_model::snapshot::Service;
use heddle_model::{Name, Reach, ServiceKey, ServicePortKey, Snapshot};
use heddle_proto::ResourceType;
use std::collections::BTreeSet;

/// The names of everything a group holds: exactly those of which [`project`] makes something.
pub fn names(group: &Group, snapshot: &Snapshot) -> BTreeSet<ResourceKey> {
    match group {
        Group::Mesh => of_mesh(snapshot),
        Group::Capture(capture) => of_capture(capture, snapshot),
        Group::Consumer(namespace) => of_consumer(namespace, snapshot),
        Group::OwnAddresses(namespace) => of_own_addresses(namespace, snapshot),
        Group::DualStack(_) => {
            let listener = ResourceKey { ty: ResourceType::Listener, name: Subject::Outbound.name() };
            [listener].into_iter().filter(|key| project(group, key, snapshot).is_some()).collect()
        }
        Group::Zone(_) | Group::Node(_) => of_place(group, snapshot),
        Group::Workload(key, capture) => match snapshot.workloads.get(key) {
            Some(workload) => inbound::names(workload, capture),
            None => BTreeSet::new(),
        },
    }
}

/// A Service's ports, by each of its families.
pub(crate) fn ports(service: &Service) -> impl Iterator<Item = FamilyPort> {
    service.ports.iter().flat_map(|port| {
        let port = ServicePortKey { service: service.key.clone(), port: port.number };
        FamilyPort::all(&port, service.families)
    })
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
        let Some((service, port)) = service_port(snapshot, &key) else { continue };
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
    match capture {
        Capture::Captured => names.extend(of_captured(snapshot)),
        Capture::Bound(_) => {}
    }
    names
}

fn of_captured(snapshot: &Snapshot) -> BTreeSet<ResourceKey> {
    let subject = |ty, named: Subject| ResourceKey { ty, name: named.name() };
    let workloads =
        snapshot.workloads.keys().map(|key| subject(ResourceType::Listener, Subject::Direct(key.clone())));
    let headless = snapshot.services.values().flat_map(|service| direct::headless_ports(service));
    let listeners =
        workloads.chain(headless.map(|key| named(ResourceType::Listener, &FamilyPort::first(key))));
    let group = Group::Capture(Capture::Captured);
    let addresses = snapshot.workloads.values().flat_map(|workload| &workload.addresses);
    let places = addresses.map(|address| subject(ResourceType::Cluster, Subject::DirectAt(*address)));
    let mut names: BTreeSet<_> =
        listeners.chain(places).filter(|key| project(&group, key, snapshot).is_some()).collect();
    let identities = direct::identities(snapshot, &Reach::Mesh).into_iter();
    names.extend(identities.map(|identity| subject(ResourceType::Cluster, Subject::DirectTo(identity))));
    names.extend([
        subject(ResourceType::Listener, Subject::Outbound),
        subject(ResourceType::Cluster, Subject::Passthrough),
        subject(ResourceType::Cluster, Subject::Blackhole),
    ]);
    names
}

fn of_own_addresses(namespace: &Name, snapshot: &Snapshot) -> BTreeSet<ResourceKey> {
    let subject = |ty, named: Subject| ResourceKey { ty, name: named.name() };
    let externals = snapshot.workloads.range_from(&direct::externals(namespace));
    let externals = externals.take_while(|(key, _)| key.namespace == *namespace);
    let mut names = BTreeSet::from([subject(ResourceType::Listener, Subject::Outbound)]);
    for (key, workload) in externals {
        let places =
            workload.addresses.iter().map(|ip| subject(ResourceType::Cluster, Subject::DirectAt(*ip)));
        names.extend(places.chain([subject(ResourceType::Listener, Subject::Direct(key.clone()))]));
    }
    let services = snapshot.services.range_from(&ServiceKey::new(namespace.clone(), ""));
    let services = services.take_while(|(key, _)| key.namespace == *namespace);
    let headless = services.flat_map(|(_, service)| direct::headless_ports(service));
    names.extend(headless.map(|port| named(ResourceType::Listener, &FamilyPort::first(port))));
    let reach = Reach::Namespace(namespace.clone());
    let identities = direct::identities(snapshot, &reach).into_iter();
    names.extend(identities.map(|identity| subject(ResourceType::Cluster, Subject::DirectTo(identity))));
    let group = Group::OwnAddresses(namespace.clone());
    names.into_iter().filter(|key| project(&group, key, snapshot).is_some()).collect()
}

fn of_consumer(namespace: &Name, snapshot: &Snapshot) -> BTreeSet<ResourceKey> {
    let own = snapshot.routes.keys().filter(|key| key.consumer.as_ref() == Some(namespace));
    let families = own.flat_map(|key| {
        let service = snapshot.services.get(&key.port.service);
        FamilyPort::all(&key.port, service.map(|service| service.families).unwrap_or_default())
    });
    let routed = families.filter(|at| {
        service_port(snapshot, at).is_some_and(|(service, port)| outbound::is_routed(service, port))
    });
    routed.map(|at| named(ResourceType::Route, &at)).collect()
}

fn of_place(group: &Group, snapshot: &Snapshot) -> BTreeSet<ResourceKey> {
    let local = snapshot.services.values().filter(|service| service.locality != Locality::Any);
    let names = local.flat_map(|service| ports(service)).map(|key| named(ResourceType::Endpoint, &key));
    names.filter(|key| project(group, key, snapshot).is_some()).collect()
}

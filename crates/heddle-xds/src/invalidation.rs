//! The resources that a change may touch.

use crate::capture::Capture;
use crate::family_port::FamilyPort;
use crate::group::Group;
use crate::inventory::{named, names, ports};
use crate::resource::ResourceKey;
use crate::resource_name::Subject;
use crate::{captured, direct};
use heddle_model::fact::{Locality, ServiceForm};
use heddle_model::snapshot::{Key, RouteKey};
use heddle_model::{AddressKey, Owner, Reach, ServiceKey, ServicePortKey, Snapshot, WorkloadKey};
use heddle_proto::ResourceType;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The resources of a group that may differ between two Snapshots in which this key differs. Some may turn
/// out equal, some may be in neither; none that differs is missing, if every changed key is asked about.
///
/// The cost follows the change, but for a changed Mesh, which may change everything.
pub fn touched(group: &Group, key: &Key, old: &Snapshot, new: &Snapshot) -> BTreeSet<ResourceKey> {
    let change = Change { group, old, new };
    match key {
        Key::Mesh => change.both(|snapshot| names(group, snapshot)),
        Key::Workload(workload) => change.workload(workload),
        Key::Service(service) => change.service(service),
        Key::Endpoints(port) => change.endpoints(port),
        Key::Routes(route) => change.routes(route),
        Key::Address(address) => change.address(address),
        Key::Network(network) => change.network(*network),
        Key::Egress(_) | Key::Report(_) | Key::Diagnostics(_) => BTreeSet::new(),
    }
}

/// One group between two Snapshots.
struct Change<'a> {
    group: &'a Group,
    old: &'a Snapshot,
    new: &'a Snapshot,
}

impl Change<'_> {
    fn both(&self, resource_key: impl Fn(&Snapshot) -> BTreeSet<ResourceKey>) -> BTreeSet<ResourceKey> {
        let mut all = resource_key(self.old);
        all.append(&mut resource_key(self.new));
        all
    }

    fn workload(&self, key: &WorkloadKey) -> BTreeSet<ResourceKey> {
        match self.group {
            Group::Capture(Capture::Captured) => self.dialled_workload(&Reach::Mesh, key),
            Group::OwnAddresses(namespace) if key.namespace == *namespace => {
                self.dialled_workload(&Reach::Namespace(namespace.clone()), key)
            }
            // What is kept depends on all workloads.
            Group::OwnAddresses(_) | Group::DualStack(_) => {
                self.capture_listener(self.moves_inside(&self.reach(), key)).into_iter().collect()
            }
            Group::Workload(own, _) if own == key => self.both(|snapshot| names(self.group, snapshot)),
            Group::Mesh
            | Group::Capture(Capture::Bound(_))
            | Group::Consumer(_)
            | Group::Zone(_)
            | Group::Node(_)
            | Group::Workload(..) => BTreeSet::new(),
        }
    }

    fn dialled_workload(&self, reach: &Reach, key: &WorkloadKey) -> BTreeSet<ResourceKey> {
        let addresses = [self.old, self.new].into_iter().filter_map(|snapshot| snapshot.workloads.get(key));
        let places = addresses.flat_map(|workload| &workload.addresses).map(|address| place(*address));
        let listener = subject(ResourceType::Listener, &Subject::Direct(key.clone()));
        let outbound = self.capture_listener(self.moves_inside(reach, key));
        self.dialled_identity(reach, key)
            .into_iter()
            .chain(places)
            .chain([listener])
            .chain(outbound)
            .collect()
    }

    /// The clusters of the identities that a workload's listener begins to dial, or ceases to: whether others dial them
    /// is asked of their whole namespace.
    fn dialled_identity(&self, reach: &Reach, key: &WorkloadKey) -> BTreeSet<ResourceKey> {
        let [before, after] = [self.old, self.new].map(|snapshot| direct::dialled_as(snapshot, reach, key));
        let both = [before, after].into_iter().flatten().filter(|_| before != after);
        both.map(|identity| subject(ResourceType::Cluster, &Subject::DirectTo(identity.clone()))).collect()
    }

    fn service(&self, key: &ServiceKey) -> BTreeSet<ResourceKey> {
        let mut all = self.both(|snapshot| {
            let all = snapshot.services.get(key).into_iter().flat_map(|service| ports(service));
            all.flat_map(|port| self.of_port(&port)).collect()
        });
        match self.group {
            Group::Capture(Capture::Captured) => {
                all.extend(self.capture_listener(self.service_moves_inside(key)));
            }
            Group::OwnAddresses(_) | Group::DualStack(_) => {
                all.extend(self.capture_listener(self.service_moves_inside(key)));
            }
            Group::Mesh
            | Group::Capture(Capture::Bound(_))
            | Group::Consumer(_)
            | Group::Zone(_)
            | Group::Node(_)
            | Group::Workload(..) => {}
        }
        all
    }

    /// Returns what is named for a port of a Service in this group, if it is there.
    fn of_port(&self, port: &FamilyPort) -> Vec<ResourceKey> {
        let types: &[ResourceType] = match self.group {
            Group::Mesh => &[ResourceType::Cluster, ResourceType::Endpoint, ResourceType::Route],
            Group::Capture(_) => &[ResourceType::Listener],
            Group::OwnAddresses(namespace) if port.port.service.namespace == *namespace => {
                &[ResourceType::Listener]
            }
            Group::OwnAddresses(_) | Group::DualStack(_) => &[],
            Group::Consumer(_) => &[ResourceType::Route],
            Group::Zone(_) | Group::Node(_) => &[ResourceType::Endpoint],
            Group::Workload(..) => &[],
        };
        types.iter().map(|ty| named(*ty, port)).collect()
    }

    fn endpoints(&self, port: &ServicePortKey) -> BTreeSet<ResourceKey> {
        match self.group {
            Group::Mesh => self.named(&[ResourceType::Cluster, ResourceType::Endpoint], port),
            Group::Zone(_) | Group::Node(_) if self.is_local(&port.service) => {
                self.named(&[ResourceType::Endpoint], port)
            }
            Group::Capture(Capture::Captured) if self.is_headless(&port.service) => {
                BTreeSet::from([hand_made(port)])
            }
            Group::OwnAddresses(namespace)
                if port.service.namespace == *namespace && self.is_headless(&port.service) =>
            {
                BTreeSet::from([hand_made(port)])
            }
            Group::Zone(_)
            | Group::Node(_)
            | Group::Capture(_)
            | Group::OwnAddresses(_)
            | Group::DualStack(_)
            | Group::Consumer(_)
            | Group::Workload(..) => BTreeSet::new(),
        }
    }

    fn routes(&self, RouteKey { port, consumer }: &RouteKey) -> BTreeSet<ResourceKey> {
        let own = match (self.group, consumer) {
            (Group::Mesh, None) => true,
            (Group::Consumer(namespace), Some(consumer)) => namespace == consumer,
            (Group::Mesh | Group::Consumer(_), _)
            | (
                Group::Capture(_)
                | Group::OwnAddresses(_)
                | Group::DualStack(_)
                | Group::Zone(_)
                | Group::Node(_)
                | Group::Workload(..),
                _,
            ) => false,
        };
        if own { self.named(&[ResourceType::Route], port) } else { BTreeSet::new() }
    }

    /// Returns what is named for a port of a Service, by all families that it has in either Snapshot.
    fn named(&self, types: &[ResourceType], port: &ServicePortKey) -> BTreeSet<ResourceKey> {
        self.both(|snapshot| {
            let families = snapshot.services.get(&port.service).map(|service| service.families);
            let all = FamilyPort::all(port, families.unwrap_or_default());
            all.flat_map(|at| types.iter().map(move |ty| named(*ty, &at))).collect()
        })
    }

    /// Returns who owns an address decides which listener stands there, and where connections to it go. What all clients see is
    /// not in the group of a namespace, but for the listeners that have addresses of both kinds.
    fn address(&self, key: &AddressKey) -> BTreeSet<ResourceKey> {
        match (self.group, &key.reach) {
            (Group::Capture(capture), Reach::Mesh) => {
                let mut all = self.at_address(&Reach::Mesh, key);
                all.extend((*capture == Capture::Captured).then(|| place(key.address)));
                all
            }
            (Group::OwnAddresses(namespace), _) if key.counts_for(namespace) => {
                let mut all = self.at_address(&Reach::Namespace(namespace.clone()), key);
                all.insert(place(key.address));
                all
            }
            (Group::DualStack(_), _) => {
                self.capture_listener(self.owner_moves_inside(&self.reach(), key)).into_iter().collect()
            }
            (
                Group::Mesh
                | Group::Capture(_)
                | Group::OwnAddresses(_)
                | Group::Consumer(_)
                | Group::Zone(_)
                | Group::Node(_)
                | Group::Workload(..),
                _,
            ) => BTreeSet::new(),
        }
    }

    /// The capture listener has a chain for a network, and what is at its addresses is dialled in another way.
    fn network(&self, network: IpNet) -> BTreeSet<ResourceKey> {
        let mut all: BTreeSet<_> = match self.group {
            Group::Capture(Capture::Captured) | Group::OwnAddresses(_) => {
                self.within(network).into_iter().flat_map(|key| self.address(&key)).collect()
            }
            Group::DualStack(_) => BTreeSet::new(),
            Group::Mesh
            | Group::Capture(Capture::Bound(_))
            | Group::Consumer(_)
            | Group::Zone(_)
            | Group::Node(_)
            | Group::Workload(..) => return BTreeSet::new(),
        };
        all.extend(self.capture_listener(true));
        all
    }

    /// The owned addresses in a network.
    fn within(&self, network: IpNet) -> BTreeSet<AddressKey> {
        let owned = |snapshot: &Snapshot| {
            let after = snapshot.addresses.range_from(&AddressKey::of_mesh(network.network()));
            let within = after.take_while(|(key, _)| network.contains(&key.address));
            within.map(|(key, _)| key.clone()).collect::<BTreeSet<_>>()
        };
        owned(self.old).into_iter().chain(owned(self.new)).collect()
    }

    fn at_address(&self, reach: &Reach, key: &AddressKey) -> BTreeSet<ResourceKey> {
        let mut all = self.both(|snapshot| match snapshot.addresses.get(key) {
            Some(Owner::Workload(owner)) => {
                let listener = subject(ResourceType::Listener, &Subject::Direct(owner.clone()));
                self.dialled_identity(reach, owner).into_iter().chain([listener]).collect()
            }
            Some(Owner::Service(service)) => {
                let service = snapshot.services.get(service).into_iter();
                service
                    .flat_map(|service| ports(service))
                    .map(|port| named(ResourceType::Listener, &port))
                    .collect()
            }
            Some(Owner::Endpoints(ports)) => ports.values().map(hand_made).collect(),
            Some(Owner::Node(_) | Owner::ApiServer) | None => BTreeSet::new(),
        });
        all.extend(self.capture_listener(self.owner_moves_inside(reach, key)));
        all
    }

    fn owner_moves_inside(&self, reach: &Reach, key: &AddressKey) -> bool {
        let owners = [self.old, self.new].into_iter().filter_map(|snapshot| snapshot.addresses.get(key));
        owners.into_iter().any(|owner| match owner {
            Owner::Workload(workload) => self.moves_inside(reach, workload),
            Owner::Service(_) | Owner::Endpoints(_) | Owner::Node(_) | Owner::ApiServer => false,
        })
    }

    fn capture_listener(&self, changes: bool) -> Option<ResourceKey> {
        changes.then(|| subject(ResourceType::Listener, &Subject::Outbound))
    }

    /// The clients of the group, as far as the owners of addresses differ for them.
    fn reach(&self) -> Reach {
        match self.group {
            Group::OwnAddresses(namespace) | Group::DualStack(Some(namespace)) => {
                Reach::Namespace(namespace.clone())
            }
            Group::DualStack(None)
            | Group::Mesh
            | Group::Capture(_)
            | Group::Consumer(_)
            | Group::Zone(_)
            | Group::Node(_)
            | Group::Workload(..) => Reach::Mesh,
        }
    }

    fn is_local(&self, key: &ServiceKey) -> bool {
        let local = |snapshot: &Snapshot| {
            snapshot.services.get(key).is_some_and(|service| service.locality != Locality::Any)
        };
        local(self.old) || local(self.new)
    }

    fn is_headless(&self, key: &ServiceKey) -> bool {
        let headless = |snapshot: &Snapshot| {
            snapshot.services.get(key).is_some_and(|service| service.form == ServiceForm::Headless)
        };
        headless(self.old) || headless(self.new)
    }

    fn moves_inside(&self, reach: &Reach, key: &WorkloadKey) -> bool {
        let strays = |snapshot: &Snapshot| {
            let workload = snapshot.workloads.get(key);
            workload.map(|workload| captured::of_workload(snapshot, reach, workload)).unwrap_or_default()
        };
        strays(self.old) != strays(self.new)
    }

    fn service_moves_inside(&self, key: &ServiceKey) -> bool {
        let strays = |snapshot: &Snapshot| {
            let service = snapshot.services.get(key);
            service.map(|service| captured::of_service(snapshot, service)).unwrap_or_default()
        };
        strays(self.old) != strays(self.new)
    }
}

/// The listener at endpoints of a headless Service that no workload backs.
fn hand_made(port: &ServicePortKey) -> ResourceKey {
    named(ResourceType::Listener, &FamilyPort::first(port.clone()))
}

fn place(address: IpAddr) -> ResourceKey {
    subject(ResourceType::Cluster, &Subject::DirectAt(address))
}

fn subject(ty: ResourceType, subject: &Subject) -> ResourceKey {
    ResourceKey { ty, name: subject.name() }
}

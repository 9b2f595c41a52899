//! The resources that a change may touch.

use crate::family_port::{FamilyPort, ports};
use crate::group::Group;
use crate::inventory::{named, names};
use crate::outbound::may_be_http;
use crate::resource::ResourceKey;
use crate::resource_name::Subject;
use crate::{at, captured};
use heddle_model::fact::{Locality, ServiceForm};
use heddle_model::snapshot::{Key, RouteKey, Service};
use heddle_model::{AddressKey, Owner, Reach, ServiceKey, ServicePortKey, Snapshot, WorkloadKey};
use heddle_proto::ResourceType;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The resources of a group that may differ between two Snapshots in which this key differs. Some may turn
/// out equal, some may be in neither; none that differs is missing, if every changed key is asked about.
///
/// What is asked for by name is named as a pattern, whose star stands for all names that begin so.
///
/// The cost follows the change, but for a changed Mesh, which may change everything.
pub fn touched(group: &Group, key: &Key, old: &Snapshot, new: &Snapshot) -> BTreeSet<ResourceKey> {
    let change = Change { group, old, new };
    match key {
        Key::Mesh => {
            let mut all = change.both(|snapshot| names(group, snapshot));
            all.extend(change.is_asked_of(&Reach::Mesh).then(at::everything));
            all
        }
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
        let reach = match self.group {
            Group::Captured | Group::DualStack(_) | Group::OwnAddresses(_) => self.reach(),
            Group::Workload(own, _) if own == key => {
                return self.both(|snapshot| names(self.group, snapshot));
            }
            Group::Mesh
            | Group::Capture(_)
            | Group::Consumer(_)
            | Group::Zone(_)
            | Group::Node(_)
            | Group::Workload(..) => return BTreeSet::new(),
        };
        let outbound = self.capture_listener(self.moves_inside(&reach, key));
        let found = [self.old, self.new].into_iter().filter_map(|snapshot| snapshot.workloads.get(key));
        let own = [Reach::Mesh, Reach::Namespace(key.namespace.clone())].contains(&reach);
        let addresses = found.flat_map(|workload| &workload.addresses);
        let addresses = addresses.filter(|_| own && self.is_asked_of(&reach));
        addresses.map(|address| at::every_port(*address)).chain(outbound).collect()
    }

    /// Returns whether clients ask in this group's name for what has an owner of this reach: for what all clients see they ask
    /// in the name of all.
    fn is_asked_of(&self, reach: &Reach) -> bool {
        match self.group {
            Group::Captured => *reach == Reach::Mesh,
            Group::OwnAddresses(namespace) => *reach == Reach::Namespace(namespace.clone()),
            Group::Mesh
            | Group::Capture(_)
            | Group::DualStack(_)
            | Group::Consumer(_)
            | Group::Zone(_)
            | Group::Node(_)
            | Group::Workload(..) => false,
        }
    }

    fn service(&self, key: &ServiceKey) -> BTreeSet<ResourceKey> {
        self.both(|snapshot| {
            let Some(service) = snapshot.services.get(key) else { return BTreeSet::new() };
            let asked = virtual_ips(service).iter().filter(|_| self.is_asked_of(&Reach::Mesh));
            let asked = asked.map(|address| at::every_port(*address));
            ports(service).flat_map(|port| self.of_port(&port)).chain(asked).collect()
        })
    }

    /// Returns what is named for a port of a Service in this group, if it is there.
    fn of_port(&self, port: &FamilyPort) -> Vec<ResourceKey> {
        let types: &[ResourceType] = match self.group {
            Group::Mesh => &[ResourceType::Cluster, ResourceType::Endpoint, ResourceType::Route],
            Group::Capture(_) => &[ResourceType::Listener],
            Group::Captured | Group::OwnAddresses(_) | Group::DualStack(_) => &[],
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
            Group::Captured => self.asked_of_bytes(port),
            Group::Zone(_)
            | Group::Node(_)
            | Group::Capture(_)
            | Group::OwnAddresses(_)
            | Group::DualStack(_)
            | Group::Consumer(_)
            | Group::Workload(..) => BTreeSet::new(),
        }
    }

    /// The clusters of a Service's virtual IPs at a port that carries bytes, which know its endpoints' identities.
    fn asked_of_bytes(&self, port: &ServicePortKey) -> BTreeSet<ResourceKey> {
        self.both(|snapshot| {
            let Some(service) = snapshot.services.get(&port.service) else { return BTreeSet::new() };
            let found = service.ports.iter().filter(|found| found.number == port.port);
            let bytes = found.filter(|found| !may_be_http(found.protocol));
            let addresses = bytes.flat_map(|_| virtual_ips(service));
            addresses.map(|ip| at::dialled_key((*ip, port.port).into())).collect()
        })
    }

    fn routes(&self, RouteKey { port, consumer }: &RouteKey) -> BTreeSet<ResourceKey> {
        let own = match (self.group, consumer) {
            (Group::Mesh, None) => true,
            (Group::Consumer(namespace), Some(consumer)) => namespace == consumer,
            (Group::Mesh | Group::Consumer(_), _)
            | (
                Group::Capture(_)
                | Group::Captured
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

    /// The owner of an address decides which listener stands there, and what becomes of connections to it.
    fn address(&self, key: &AddressKey) -> BTreeSet<ResourceKey> {
        let mut all: BTreeSet<ResourceKey> = match (self.group, &key.reach) {
            (Group::Capture(_), Reach::Mesh) => return self.listeners_at(key),
            (Group::Captured, Reach::Mesh) | (Group::DualStack(_) | Group::OwnAddresses(_), _) => {
                let is_stray = |snapshot: &&Snapshot| snapshot.network_of(key.address).is_none();
                let moves = [self.old, self.new].iter().any(is_stray);
                let concerned = key.reach == Reach::Mesh || key.reach == self.reach();
                self.capture_listener(moves && concerned).into_iter().collect()
            }
            (
                Group::Mesh
                | Group::Capture(_)
                | Group::Captured
                | Group::Consumer(_)
                | Group::Zone(_)
                | Group::Node(_)
                | Group::Workload(..),
                _,
            ) => return BTreeSet::new(),
        };
        all.extend(self.is_asked_of(&key.reach).then(|| at::every_port(key.address)));
        all
    }

    /// The capture listener has a chain for a network, and what is at its addresses is dialled in another way.
    fn network(&self, network: IpNet) -> BTreeSet<ResourceKey> {
        match self.group {
            Group::Captured | Group::OwnAddresses(_) | Group::DualStack(_) => {}
            Group::Mesh
            | Group::Capture(_)
            | Group::Consumer(_)
            | Group::Zone(_)
            | Group::Node(_)
            | Group::Workload(..) => return BTreeSet::new(),
        }
        let is_host = network.prefix_len() == network.max_prefix_len();
        let asked = if is_host { at::every_port(network.addr()) } else { at::everything() };
        let asked = self.is_asked_of(&Reach::Mesh).then_some(asked);
        self.capture_listener(true).into_iter().chain(asked).collect()
    }

    fn listeners_at(&self, key: &AddressKey) -> BTreeSet<ResourceKey> {
        self.both(|snapshot| {
            let Some(Owner::Service(service)) = snapshot.addresses.get(key) else { return BTreeSet::new() };
            let service = snapshot.services.get(service).into_iter();
            let ports = service.flat_map(|service| ports(service));
            ports.map(|port| named(ResourceType::Listener, &port)).collect()
        })
    }

    fn capture_listener(&self, changes: bool) -> Option<ResourceKey> {
        changes.then(|| Subject::Outbound.key(ResourceType::Listener))
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
            | Group::Captured
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

    fn moves_inside(&self, reach: &Reach, key: &WorkloadKey) -> bool {
        let strays = |snapshot: &Snapshot| {
            let workload = snapshot.workloads.get(key);
            workload.map(|workload| captured::of_workload(snapshot, reach, workload)).unwrap_or_default()
        };
        strays(self.old) != strays(self.new)
    }
}

fn virtual_ips(service: &Service) -> &[IpAddr] {
    match &service.form {
        ServiceForm::Virtual(addresses) => addresses,
        ServiceForm::Headless | ServiceForm::External(_) => &[],
    }
}

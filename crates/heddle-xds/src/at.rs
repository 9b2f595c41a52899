//! Destinations that a captured Envoy asks for as they are dialled: each is a cluster named for the dialled address and port.
//!
//! The capture listener takes a connection to the cluster of its address, before a byte of it is read, and asks for a
//! cluster that it does not know. What the cluster is decides what becomes of the connection:
//!
//! | dialled | the cluster |
//! |---|---|
//! | a Service's port that may carry HTTP | hands the connection back to this Envoy, at the port's own listener |
//! | a Service's port that carries bytes | the port's endpoints |
//! | a workload's address | the dialled address, with the TLS of the identity that answers there |
//! | outside of the mesh, where egress is allowed | the dialled address as it is |
//! | nobody | none: [`nobody`] stands for it |
//!
//! Nothing of this is in a group: a client is given what it asks for, so there is no resource for each Pod of the mesh.

use crate::cluster;
use crate::family_port::FamilyPort;
use crate::outbound::may_be_http;
use crate::resource::{Resource, ResourceKey};
use crate::resource_name::{AT, Subject};
use crate::xds;
use heddle_model::fact::{DataPlane, Egress, Mtls, ServiceForm};
use heddle_model::snapshot::{Endpoint, Transport, Workload};
use heddle_model::{
    Family, Identity, Name, Owner, Reach, ServiceKey, ServicePortKey, Snapshot, SourceRef, WorkloadKey,
};
use heddle_proto::ResourceType;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// The meaning of a dialled address.
enum Dialled {
    /// A Service's port.
    Service(FamilyPort),
    /// Somebody at the address itself; proven to be this identity, if one is given.
    Address(Option<Identity>),
}

/// The cluster of a dialled address.
pub fn dialled_key(address: SocketAddr) -> ResourceKey {
    Subject::At(address).key(ResourceType::Cluster)
}

/// All that may be asked for, as a pattern: names that begin with what stands before the star.
pub(crate) fn everything() -> ResourceKey {
    ResourceKey::new(ResourceType::Cluster, format!("{AT}*"))
}

/// The same of every port of an address.
pub(crate) fn every_port(address: IpAddr) -> ResourceKey {
    let name = match address {
        IpAddr::V4(address) => format!("{AT}{address}:*"),
        IpAddr::V6(address) => format!("{AT}[{address}]:*"),
    };
    ResourceKey::new(ResourceType::Cluster, name)
}

/// Returns whether a resource is made for who asks for it by name, and belongs to no group; also of a pattern of such names.
pub fn is_asked_for(key: &ResourceKey) -> bool {
    key.ty == ResourceType::Cluster && key.name.starts_with(AT)
}

/// The cluster of a dialled address for clients of a namespace; `None` where nobody is there that they may reach.
pub fn asked(namespace: &Name, key: &ResourceKey, snapshot: &Snapshot) -> Option<Resource> {
    let Subject::At(address) = Subject::parse(&key.name)? else { return None };
    let (dialled, sources) = find(snapshot, &Reach::Namespace(namespace.clone()), address)?;
    let mesh = &snapshot.mesh;
    let name = &key.name;
    let alone = |cluster: &xds::Cluster| (xds::pack(cluster), Vec::new());
    let (body, needs) = match dialled {
        Dialled::Service(at) => {
            let (service, port) = at.look_up(snapshot)?;
            if may_be_http(port.protocol) {
                let own = ResourceKey::new(ResourceType::Listener, at.to_string());
                let needs = vec![Subject::Handback.key(ResourceType::Listener), own];
                (xds::pack(&cluster::handback(mesh, name)), needs)
            } else {
                let endpoints = at.endpoints(service, snapshot);
                let cluster = cluster::of_bytes(mesh, name, &at, (service, port), &endpoints);
                (xds::pack(&cluster), vec![ResourceKey::new(ResourceType::Endpoint, at.to_string())])
            }
        }
        Dialled::Address(None) => alone(&cluster::passthrough_at(mesh, name)),
        Dialled::Address(Some(identity)) => alone(&cluster::direct_at(mesh, name, &identity)),
    };
    Some(Resource { body, sources, needs })
}

/// The cluster of an address at which there is nobody: what is dialled there is closed at once.
pub fn nobody(name: &Name) -> Resource {
    Resource { body: xds::pack(&cluster::nobody(name)), sources: BTreeSet::new(), needs: Vec::new() }
}

/// Returns what is dialled, and the objects that say so; `None` where nobody is.
fn find(snapshot: &Snapshot, reach: &Reach, address: SocketAddr) -> Option<(Dialled, BTreeSet<SourceRef>)> {
    let (ip, port) = (address.ip(), address.port());
    match snapshot.addresses.seen_from(reach, ip) {
        Some(Owner::Service(service)) => {
            Some((virtual_ip(snapshot, service, ip, port)?, BTreeSet::from([service.source()])))
        }
        Some(Owner::Workload(key)) => {
            Some((of_workload(snapshot, key, ip, port)?, BTreeSet::from([key.source()])))
        }
        Some(Owner::Endpoints(ports)) => match hand_made(snapshot, ports, ip, port) {
            Some(service) => Some((Dialled::Address(None), BTreeSet::from([service.source()]))),
            None => Some((outside(snapshot, ip)?, BTreeSet::new())),
        },
        Some(Owner::Node(_) | Owner::ApiServer) | None => Some((outside(snapshot, ip)?, BTreeSet::new())),
    }
}

fn virtual_ip(snapshot: &Snapshot, key: &ServiceKey, ip: IpAddr, port: u16) -> Option<Dialled> {
    let service = snapshot.services.get(key)?;
    match service.form {
        ServiceForm::Virtual(_) => {}
        ServiceForm::Headless | ServiceForm::External(_) => return None,
    }
    service.ports.iter().find(|found| found.number == port)?;
    let key = ServicePortKey { service: key.clone(), port };
    Some(Dialled::Service(FamilyPort::serving(&key, service.families, Some(Family::of(ip)))))
}

/// Every port of a workload is dialled as its workload, where a network of the mesh holds it: there nobody else answers.
/// Elsewhere only those that somebody declares: a machine has ports that its proxy does not see.
fn of_workload(snapshot: &Snapshot, key: &WorkloadKey, ip: IpAddr, port: u16) -> Option<Dialled> {
    let workload = snapshot.workloads.get(key)?;
    let known = workload.port(port).is_some() || snapshot.closed_network_of(ip).is_some();
    if !known {
        return match workload.undeclared.mtls {
            Mtls::Strict => None,
            Mtls::Permissive | Mtls::Disabled => outside(snapshot, ip),
        };
    }
    match workload.transport_from(DataPlane::Envoy, port) {
        Transport::Plain => Some(Dialled::Address(None)),
        Transport::Mesh(identity) => Some(Dialled::Address(Some(identity))),
        Transport::Refused => None,
    }
}

/// The headless Service of an endpoint that no workload backs.
fn hand_made<'a>(
    snapshot: &Snapshot,
    ports: &'a BTreeMap<u16, ServicePortKey>,
    ip: IpAddr,
    port: u16,
) -> Option<&'a ServiceKey> {
    let key = ports.get(&port)?;
    let endpoints = snapshot.endpoints.get(key)?;
    let is_it = |item: &&Endpoint| item.address == ip && item.port == port && item.workload.is_none();
    endpoints.items.iter().find(is_it).filter(|item| item.transport == Transport::Plain)?;
    Some(&key.service)
}

fn outside(snapshot: &Snapshot, ip: IpAddr) -> Option<Dialled> {
    let open = snapshot.closed_network_of(ip).is_none() && snapshot.mesh.egress == Egress::Allow;
    open.then_some(Dialled::Address(None))
}

/// Returns whether every port of a workload is dialled as if it were outside of the mesh.
pub(crate) fn is_plain(workload: &Workload) -> bool {
    let declared = workload.inbound.iter().map(|port| workload.transport_from(DataPlane::Envoy, port.port));
    let mut all = declared.chain([workload.transport_undeclared()]);
    all.all(|transport| transport == Transport::Plain)
}

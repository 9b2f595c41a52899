//! One resource of one group.

use crate::capture::Capture;
use crate::endpoint::Seen;
use crate::family_port::FamilyPort;
use crate::group::Group;
use crate::resource::{Resource, ResourceKey};
use crate::resource_name::Subject;
use crate::{captured, cluster, direct, endpoint, inbound, outbound, route, xds};
use heddle_model::fact::ServiceForm;
use heddle_model::snapshot::{RouteKey, Service, ServicePort, Workload};
use heddle_model::{Name, Reach, Snapshot};
use heddle_proto::ResourceType;
use std::collections::BTreeSet;

/// The resource as a group has it; `None` where the group has none of the name.
pub fn project(group: &Group, key: &ResourceKey, snapshot: &Snapshot) -> Option<Resource> {
    let subject = Subject::parse(&key.name)?;
    match group {
        Group::Mesh => of_mesh(key.ty, &subject, snapshot),
        Group::Capture(capture) => of_capture(capture, key.ty, &subject, snapshot),
        Group::OwnAddresses(namespace) => of_own_addresses(namespace, key.ty, &subject, snapshot),
        Group::DualStack(namespace) => of_dual_stack(namespace.as_ref(), key.ty, &subject, snapshot),
        Group::Consumer(namespace) => of_consumer(namespace, key.ty, &subject, snapshot),
        Group::Zone(zone) => endpoints(key.ty, &subject, Seen::FromZone(zone), snapshot),
        Group::Node(node) => endpoints(key.ty, &subject, Seen::FromNode(node), snapshot),
        Group::Workload(workload, capture) => {
            of_workload(snapshot.workloads.get(workload)?, capture, key.ty, &subject, snapshot)
        }
    }
}

/// The Service and the port that a name means; `None` for a Service that the mesh does not carry, and for a family that
/// it lacks.
pub(crate) fn service_port<'a>(
    snapshot: &'a Snapshot,
    at: &FamilyPort,
) -> Option<(&'a Service, &'a ServicePort)> {
    let key = &at.port;
    let service = snapshot.services.get(&key.service).filter(|service| at.is_of(service.families))?;
    match service.form {
        ServiceForm::Virtual(_) | ServiceForm::Headless => {}
        ServiceForm::External(_) => return None,
    }
    let port = service.ports.iter().find(|port| port.number == key.port)?;
    Some((service, port))
}

fn of_mesh(ty: ResourceType, subject: &Subject, snapshot: &Snapshot) -> Option<Resource> {
    let Subject::Service(at) = subject else { return None };
    let (service, port) = service_port(snapshot, at)?;
    match ty {
        ResourceType::Cluster => {
            let endpoints = at.endpoints(service, snapshot);
            Some(cluster::of_port(&snapshot.mesh, at, (service, port), &endpoints))
        }
        ResourceType::Endpoint => endpoints(ty, subject, Seen::Anywhere, snapshot),
        ResourceType::Route if outbound::is_routed(service, port) => {
            let table = snapshot.routes.get(&RouteKey { port: at.port.clone(), consumer: None });
            Some(route::of_port(at, at.family(service), table.map(|table| &**table), &service.defaults))
        }
        ResourceType::Route | ResourceType::Listener => None,
    }
}

fn of_consumer(
    namespace: &Name,
    ty: ResourceType,
    subject: &Subject,
    snapshot: &Snapshot,
) -> Option<Resource> {
    let (ResourceType::Route, Subject::Service(at)) = (ty, subject) else { return None };
    let (service, port) = service_port(snapshot, at)?;
    let key = RouteKey { port: at.port.clone(), consumer: Some(namespace.clone()) };
    let table = snapshot.routes.get(&key)?;
    outbound::is_routed(service, port)
        .then(|| route::of_port(at, at.family(service), Some(&**table), &service.defaults))
}

fn endpoints(ty: ResourceType, subject: &Subject, seen: Seen, snapshot: &Snapshot) -> Option<Resource> {
    let (ResourceType::Endpoint, Subject::Service(at)) = (ty, subject) else { return None };
    let (service, _) = service_port(snapshot, at)?;
    endpoint::of_port(at, service.locality, &at.endpoints(service, snapshot), seen)
}

/// Returns what stands at addresses whose owner counts for a namespace's clients only.
fn of_own_addresses(
    namespace: &Name,
    ty: ResourceType,
    subject: &Subject,
    snapshot: &Snapshot,
) -> Option<Resource> {
    let reach = Reach::Namespace(namespace.clone());
    match (ty, subject) {
        (ResourceType::Listener, Subject::Service(at)) if at.second.is_none() => {
            direct::of_headless(snapshot, &reach, &at.port)
        }
        (ResourceType::Listener, Subject::Outbound) => {
            captured::has_own(snapshot, namespace).then(|| captured::listener(snapshot, &reach, false))
        }
        (
            ResourceType::Cluster | ResourceType::Endpoint | ResourceType::Listener | ResourceType::Route,
            _,
        ) => by_address(&reach, ty, subject, snapshot),
    }
}

/// The capture listener at IPv6 too.
fn of_dual_stack(
    namespace: Option<&Name>,
    ty: ResourceType,
    subject: &Subject,
    snapshot: &Snapshot,
) -> Option<Resource> {
    match (ty, subject, namespace) {
        (ResourceType::Listener, Subject::Outbound, None) => {
            Some(captured::listener(snapshot, &Reach::Mesh, true))
        }
        (ResourceType::Listener, Subject::Outbound, Some(namespace)) => {
            let reach = Reach::Namespace(namespace.clone());
            captured::has_own(snapshot, namespace).then(|| captured::listener(snapshot, &reach, true))
        }
        (
            ResourceType::Cluster | ResourceType::Endpoint | ResourceType::Listener | ResourceType::Route,
            _,
            _,
        ) => None,
    }
}

/// Returns what takes connections to a workload's own address.
fn by_address(reach: &Reach, ty: ResourceType, subject: &Subject, snapshot: &Snapshot) -> Option<Resource> {
    match (ty, subject) {
        (ResourceType::Listener, Subject::Direct(key)) => direct::of_workload(snapshot, reach, key),
        (ResourceType::Cluster, Subject::DirectAt(address)) => direct::at(snapshot, reach, *address),
        (ResourceType::Cluster, Subject::DirectTo(identity)) => direct::is_dialled(snapshot, reach, identity)
            .then(|| of_nobody(&cluster::direct(&snapshot.mesh, subject, identity))),
        (
            ResourceType::Cluster | ResourceType::Endpoint | ResourceType::Listener | ResourceType::Route,
            _,
        ) => None,
    }
}

fn of_capture(
    capture: &Capture,
    ty: ResourceType,
    subject: &Subject,
    snapshot: &Snapshot,
) -> Option<Resource> {
    let captured = match capture {
        Capture::Captured => Some(()),
        Capture::Bound(_) => None,
    };
    let mesh = &snapshot.mesh;
    match (ty, subject) {
        (ResourceType::Listener, Subject::Service(at)) => {
            let (service, port) = service_port(snapshot, at)?;
            match service.form {
                ServiceForm::Virtual(_) => outbound::of_port(snapshot, at, (service, port), capture),
                ServiceForm::Headless if at.second.is_some() => None,
                ServiceForm::Headless => {
                    captured.and_then(|()| direct::of_headless(snapshot, &Reach::Mesh, &at.port))
                }
                ServiceForm::External(_) => None,
            }
        }
        (ResourceType::Listener, Subject::Outbound) => {
            captured.map(|()| captured::listener(snapshot, &Reach::Mesh, false))
        }
        (ResourceType::Cluster, Subject::Passthrough) => {
            captured.map(|()| of_nobody(&cluster::passthrough(mesh, subject)))
        }
        (ResourceType::Cluster, Subject::Blackhole) => {
            captured.map(|()| of_nobody(&cluster::blackhole(mesh)))
        }
        (
            ResourceType::Cluster | ResourceType::Endpoint | ResourceType::Listener | ResourceType::Route,
            _,
        ) => captured.and_then(|()| by_address(&Reach::Mesh, ty, subject, snapshot)),
    }
}

fn of_workload(
    workload: &Workload,
    capture: &Capture,
    ty: ResourceType,
    subject: &Subject,
    snapshot: &Snapshot,
) -> Option<Resource> {
    let mesh = &snapshot.mesh;
    match (ty, subject, capture) {
        (ResourceType::Listener, Subject::Inbound, Capture::Captured) => inbound::captured(mesh, workload),
        (ResourceType::Listener, Subject::InboundAt(at), Capture::Bound(_)) => {
            inbound::bound(mesh, workload, *at)
        }
        (ResourceType::Cluster, Subject::Application(port), _) => {
            inbound::application(mesh, workload, capture, *port)
        }
        (ResourceType::Route, Subject::Application(port), _) => {
            inbound::routes(mesh, workload, capture, *port)
        }
        (ResourceType::Route, Subject::OtherApplications, Capture::Captured) => {
            inbound::other_routes(mesh, workload)
        }
        (ResourceType::Cluster, Subject::OtherApplications, Capture::Captured) => {
            inbound::other_applications(mesh, workload)
        }
        (
            ResourceType::Cluster | ResourceType::Endpoint | ResourceType::Listener | ResourceType::Route,
            _,
            _,
        ) => None,
    }
}

/// A cluster that comes from no object but the Mesh.
fn of_nobody(cluster: &xds::Cluster) -> Resource {
    Resource { body: xds::pack(cluster), sources: BTreeSet::new(), needs: Vec::new() }
}

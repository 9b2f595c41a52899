//! One resource of one group.

use crate::capture::Capture;
use crate::endpoint::Seen;
use crate::group::Group;
use crate::resource::{Resource, ResourceKey};
use crate::resource_name::Subject;
use crate::{captured, cluster, endpoint, inbound, outbound, route, xds};
use heddle_model::fact::ServiceForm;
use heddle_model::snapshot::{RouteKey, Workload};
use heddle_model::{Name, Reach, Snapshot};
use heddle_proto::ResourceType;
use std::collections::BTreeSet;

/// The resource as a group has it; `None` where the group has none of the name.
pub fn project(group: &Group, key: &ResourceKey, snapshot: &Snapshot) -> Option<Resource> {
    let subject = Subject::parse(&key.name)?;
    match group {
        Group::Mesh => of_mesh(key.ty, &subject, snapshot),
        Group::Capture(capture) => of_capture(capture, key.ty, &subject, snapshot),
        Group::Captured => of_captured(key.ty, &subject, snapshot),
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

fn of_mesh(ty: ResourceType, subject: &Subject, snapshot: &Snapshot) -> Option<Resource> {
    let Subject::Service(at) = subject else { return None };
    let (service, port) = at.look_up(snapshot)?;
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
    let (service, port) = at.look_up(snapshot)?;
    let key = RouteKey { port: at.port.clone(), consumer: Some(namespace.clone()) };
    let table = snapshot.routes.get(&key)?;
    outbound::is_routed(service, port)
        .then(|| route::of_port(at, at.family(service), Some(&**table), &service.defaults))
}

fn endpoints(ty: ResourceType, subject: &Subject, seen: Seen, snapshot: &Snapshot) -> Option<Resource> {
    let (ResourceType::Endpoint, Subject::Service(at)) = (ty, subject) else { return None };
    let (service, _) = at.look_up(snapshot)?;
    endpoint::of_port(at, service.locality, &at.endpoints(service, snapshot), seen)
}

/// The capture listener of clients of a namespace that has addresses of its own.
fn of_own_addresses(
    namespace: &Name,
    ty: ResourceType,
    subject: &Subject,
    snapshot: &Snapshot,
) -> Option<Resource> {
    let (ResourceType::Listener, Subject::Outbound) = (ty, subject) else { return None };
    let reach = Reach::Namespace(namespace.clone());
    captured::has_own(snapshot, namespace).then(|| captured::listener(snapshot, &reach, false))
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

fn of_capture(
    capture: &Capture,
    ty: ResourceType,
    subject: &Subject,
    snapshot: &Snapshot,
) -> Option<Resource> {
    let (ResourceType::Listener, Subject::Service(at)) = (ty, subject) else { return None };
    let (service, port) = at.look_up(snapshot)?;
    match service.form {
        ServiceForm::Virtual(_) => outbound::of_port(snapshot, at, (service, port), capture),
        ServiceForm::Headless | ServiceForm::External(_) => None,
    }
}

fn of_captured(ty: ResourceType, subject: &Subject, snapshot: &Snapshot) -> Option<Resource> {
    let mesh = &snapshot.mesh;
    match (ty, subject) {
        (ResourceType::Listener, Subject::Outbound) => {
            Some(captured::listener(snapshot, &Reach::Mesh, false))
        }
        (ResourceType::Listener, Subject::Handback) => Some(captured::handback(snapshot)),
        (ResourceType::Cluster, Subject::Passthrough) => {
            Some(of_nobody(&cluster::passthrough(mesh, subject)))
        }
        (ResourceType::Cluster, Subject::Blackhole) => Some(of_nobody(&cluster::blackhole(mesh))),
        (
            ResourceType::Cluster | ResourceType::Endpoint | ResourceType::Listener | ResourceType::Route,
            _,
        ) => None,
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

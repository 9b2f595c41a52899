//! The endpoints of one Service port: its members that get requests, and how each is dialled.

use crate::member::Member;
use crate::tables::Tables;
use crate::workload::Resolved;
use heddle_model::WorkloadKey;
use heddle_model::fact::{Mtls, Protocol};
use heddle_model::snapshot::{Endpoint, EndpointServer, Endpoints, Transport, Workload};
use std::collections::BTreeMap;

/// Resolves the members of a port.
pub(crate) fn resolve(
    tables: &Tables,
    workloads: &BTreeMap<WorkloadKey, Resolved>,
    members: &[Member],
) -> Endpoints {
    Endpoints { items: members.iter().filter_map(|member| endpoint(tables, workloads, member)).collect() }
}

fn endpoint(
    tables: &Tables,
    workloads: &BTreeMap<WorkloadKey, Resolved>,
    member: &Member,
) -> Option<Endpoint> {
    let Member { address, port, workload, health, node, zone } = member;
    let resolved = workload.as_ref().and_then(|key| workloads.get(key));
    let behind = resolved.map(|resolved| &*resolved.workload);
    let node = node.clone().or_else(|| behind?.node.clone());
    let place = node.as_ref().and_then(|name| tables.node(name));
    Some(Endpoint {
        address: *address,
        port: *port,
        workload: resolved.filter(|resolved| !resolved.ended).map(|resolved| resolved.workload.key.clone()),
        transport: transport(behind, *port),
        health: (*health)?,
        region: place.and_then(|place| place.region.clone()).or_else(|| behind?.region.clone()),
        zone: zone.clone().or_else(|| place?.zone.clone()).or_else(|| behind?.zone.clone()),
        server: behind.and_then(|workload| server(workload, *port)),
        node,
    })
}

/// The proxy that takes a workload's port.
fn server(workload: &Workload, port: u16) -> Option<EndpointServer> {
    let plane = workload.plane.filter(|_| captures(workload, port))?;
    let declared = workload.inbound.iter().find(|inbound| inbound.port == port);
    Some(EndpointServer { plane, protocol: declared.map_or(Protocol::Detect, |inbound| inbound.protocol) })
}

fn captures(workload: &Workload, port: u16) -> bool {
    workload.plane.is_some() && !workload.host_network && !workload.skip_inbound_ports.contains(&port)
}

/// How a workload's port is dialled.
///
/// Strict is never dialled in plain text, whatever the workload's labels say of its proxy: a label is a claim.
fn transport(workload: Option<&Workload>, port: u16) -> Transport {
    let Some(workload) = workload else { return Transport::Plain };
    let declared = workload.inbound.iter().find(|inbound| inbound.port == port);
    let mtls = declared.map_or(workload.undeclared.mtls, |inbound| inbound.mtls);
    let captured = captures(workload, port);
    match (mtls, &workload.identity) {
        (Mtls::Strict, Some(identity)) => Transport::Mesh(identity.clone()),
        (Mtls::Strict, None) => Transport::Refused,
        (Mtls::Permissive, Some(identity)) if captured => Transport::Mesh(identity.clone()),
        (Mtls::Permissive, _) | (Mtls::Disabled, _) => Transport::Plain,
    }
}

/// What of a workload decides how its endpoints are dialled and where they are.
pub(crate) fn depends_on(resolved: &Resolved) -> impl PartialEq + '_ {
    let Workload {
        key: _,
        identity,
        addresses: _,
        plane,
        node,
        region,
        zone,
        host_network,
        skip_inbound_ports,
        inbound,
        undeclared,
    } = &*resolved.workload;
    let modes: Vec<_> = inbound.iter().map(|port| (port.port, port.mtls, port.protocol)).collect();
    let proxy = (plane, host_network, skip_inbound_ports);
    (identity, proxy, (node, region, zone), modes, undeclared.mtls, resolved.ended)
}

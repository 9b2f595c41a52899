//! The endpoints of one Service port: its members that get requests, and how each is dialled.

use crate::services::member::ServiceEndpoint;
use crate::services::no_endpoint::Reason;
use crate::tables::Tables;
use crate::workloads::workload::Resolved;
use heddle_model::WorkloadKey;
use heddle_model::snapshot::{Endpoint, Endpoints, Transport, Workload};
use std::collections::BTreeMap;

/// Resolves the members of a port.
pub(crate) fn resolve(
    tables: &Tables,
    workloads: &BTreeMap<WorkloadKey, Resolved>,
    members: &[ServiceEndpoint],
    absent: Option<&Reason>,
) -> Endpoints {
    let items = members.iter().filter_map(|member| endpoint(tables, workloads, member));
    Endpoints { items: items.collect(), absent: absent.map(|reason| reason.text().into()) }
}

fn endpoint(
    tables: &Tables,
    workloads: &BTreeMap<WorkloadKey, Resolved>,
    member: &ServiceEndpoint,
) -> Option<Endpoint> {
    let ServiceEndpoint { address, port, workload, health, node, zone } = member;
    let resolved = workload.as_ref().and_then(|key| workloads.get(key));
    let behind = resolved.map(|resolved| &*resolved.workload);
    let node = node.clone().or_else(|| behind?.node.clone());
    let place = node.as_ref().and_then(|name| tables.node(name));
    Some(Endpoint {
        address: *address,
        port: *port,
        workload: resolved.filter(|resolved| !resolved.ended).map(|resolved| resolved.workload.key.clone()),
        transport: behind.map_or(Transport::Plain, |workload| workload.transport(*port)),
        health: (*health)?,
        region: place.and_then(|place| place.region.clone()).or_else(|| behind?.region.clone()),
        zone: zone.clone().or_else(|| place?.zone.clone()).or_else(|| behind?.zone.clone()),
        server: behind.and_then(|workload| workload.server(*port)),
        node,
    })
}

/// Returns what of a workload decides how its endpoints are dialled and where they are.
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
        uses: _,
        inbound,
        undeclared,
    } = &*resolved.workload;
    let modes: Vec<_> = inbound.iter().map(|port| (port.port, port.mtls, port.protocol)).collect();
    let proxy = (plane, host_network, skip_inbound_ports);
    (identity, proxy, (node, region, zone), modes, undeclared.mtls, resolved.ended)
}

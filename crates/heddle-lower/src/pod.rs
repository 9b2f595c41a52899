//! Pods.

use crate::linkerd::annotation;
use crate::notes::Notes;
use crate::place::{Place, Wrong};
use crate::protocol;
use crate::workload;
use heddle_model::fact::{Workload, WorkloadPort};
use std::collections::BTreeSet;
use std::net::IpAddr;

pub(crate) fn lower(root: &Place<'_>, notes: &mut Notes) -> Result<Workload, Wrong> {
    let spec = root.need("spec")?;
    spec.object()?;
    let account = workload::optional_name(&spec, "serviceAccountName", notes);
    let addresses = addresses(root, notes);
    let mut workload = Workload {
        labels: workload::labels(root, notes),
        identity: workload::identity(&spec, account.as_deref().unwrap_or("default"), notes),
        plane: workload::plane(root, notes),
        node: workload::optional_name(&spec, "nodeName", notes),
        zone: None,
        host_network: spec.value()["hostNetwork"].as_bool().unwrap_or_default(),
        ended: ended(root, &addresses),
        addresses,
        ports: named_ports(&spec, notes),
        skip_inbound_ports: workload::skip_inbound_ports(root, notes),
        config: None,
    };
    workload.config = annotation::of_workload(root, &workload, notes);
    Ok(workload)
}

/// A Pod that is being deleted still serves while its containers run; its EndpointSlices say how.
fn ended(root: &Place<'_>, addresses: &[IpAddr]) -> bool {
    let phase = root.value()["status"]["phase"].as_str();
    let deleted = !root.value()["metadata"]["deletionTimestamp"].is_null();
    matches!(phase, Some("Succeeded" | "Failed")) || (deleted && addresses.is_empty())
}

fn addresses(root: &Place<'_>, notes: &mut Notes) -> Vec<IpAddr> {
    let Some(status) = root.get("status") else { return Vec::new() };
    let list = status.get("podIPs").map(|list| list.list());
    let listed = list.and_then(|list| notes.take(list, "podIP is used")).unwrap_or_default();
    let mut items: Vec<Place<'_>> = listed.iter().filter_map(|item| item.get("ip")).collect();
    if items.is_empty() {
        items.extend(status.get("podIP").filter(|ip| ip.value() != ""));
    }
    workload::addresses(items, notes)
}

/// The named TCP ports of all containers that run beside each other: also init containers that are
/// restarted always (sidecars).
fn named_ports(spec: &Place<'_>, notes: &mut Notes) -> Vec<WorkloadPort> {
    let mut ports = Vec::new();
    let mut seen = BTreeSet::new();
    for field in ["containers", "initContainers"] {
        let list = spec.get(field).map(|list| list.list());
        let containers =
            list.and_then(|list| notes.take(list, "its ports are not known")).unwrap_or_default();
        let runs =
            |container: &Place<'_>| field == "containers" || container.value()["restartPolicy"] == "Always";
        for container in containers.into_iter().filter(runs) {
            let list = container.get("ports").map(|list| list.list());
            let list = list.and_then(|list| notes.take(list, "its ports are not known")).unwrap_or_default();
            let named = list.iter().filter(|port| is_tcp(port) && port.get("name").is_some());
            let read = notes.take_all(named.map(named_port), "the port is not known");
            ports.extend(read.into_iter().filter(|port| seen.insert(port.name.clone())));
        }
    }
    ports
}

fn named_port(place: &Place<'_>) -> Result<WorkloadPort, Wrong> {
    let port = place.need("containerPort")?.port()?;
    let name = place.need("name")?.name()?;
    let named = protocol::by_prefix(name);
    Ok(WorkloadPort { name: Some(name.into()), port, app_port: port, protocol: None, named })
}

/// Whether a port of Kubernetes is a TCP port: unset means TCP.
pub(crate) fn is_tcp(port: &Place<'_>) -> bool {
    matches!(port.value()["protocol"].as_str(), None | Some("TCP" | ""))
}

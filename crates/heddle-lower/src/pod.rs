//! Pods.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::linkerd::annotation;
use crate::meta;
use crate::protocol;
use crate::workload;
use heddle_model::fact::{DataPlane, Workload, WorkloadPort};
use heddle_model::server::DEFAULT_OPAQUE_PORTS;
use std::collections::BTreeSet;
use std::net::IpAddr;

pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<Workload, FieldError> {
    let spec = root.need("spec")?;
    spec.object()?;
    let account = workload::optional_name(&spec, "serviceAccountName", notes);
    let addresses = addresses(root, notes);
    let labels = workload::labels(root, notes);
    let identity = workload::identity(&spec, account.as_deref().unwrap_or("default"), notes);
    let plane = workload::plane(root, notes);
    let mut workload = Workload {
        labels,
        identity,
        plane,
        node: workload::optional_name(&spec, "nodeName", notes),
        zone: None,
        host_network: spec.value()["hostNetwork"].as_bool().unwrap_or_default(),
        ended: ended(root, &addresses),
        deleting: is_deleted(root),
        created: meta::created(root),
        addresses,
        ports: declared_ports(&spec, plane, notes),
        skip_inbound_ports: workload::skip_inbound_ports(root, plane, notes),
        uses: workload::uses(root, notes),
        config: None,
    };
    workload.config = annotation::of_workload(root, &workload, notes);
    Ok(workload)
}

/// A Pod that is being deleted still serves while its containers run; its EndpointSlices say how.
fn ended(root: &Field<'_>, addresses: &[IpAddr]) -> bool {
    let phase = root.value()["status"]["phase"].as_str();
    matches!(phase, Some("Succeeded" | "Failed")) || (is_deleted(root) && addresses.is_empty())
}

fn is_deleted(root: &Field<'_>) -> bool {
    !root.value()["metadata"]["deletionTimestamp"].is_null()
}

fn addresses(root: &Field<'_>, notes: &mut Diagnostics) -> Vec<IpAddr> {
    let Some(status) = root.get("status") else { return Vec::new() };
    let list = status.get("podIPs").map(|list| list.list());
    let listed = list.and_then(|list| notes.take(list, "podIP is used")).unwrap_or_default();
    let mut items: Vec<Field<'_>> = listed.iter().filter_map(|item| item.get("ip")).collect();
    if items.is_empty() {
        items.extend(status.get("podIP").filter(|ip| ip.value() != ""));
    }
    workload::addresses(items, notes)
}

/// The named TCP ports of all containers that run beside each other: also init containers that are
/// restarted always (sidecars). Of a Pod with Linkerd's proxy also those without a name that are opaque by default.
fn declared_ports(spec: &Field<'_>, plane: Option<DataPlane>, notes: &mut Diagnostics) -> Vec<WorkloadPort> {
    let mut ports: Vec<WorkloadPort> = Vec::new();
    let mut seen = BTreeSet::new();
    let declares =
        |port: &&Field<'_>| is_tcp(port) && (port.get("name").is_some() || is_default_opaque(port, plane));
    for field in ["containers", "initContainers"] {
        let list = spec.get(field).map(|list| list.list());
        let containers =
            list.and_then(|list| notes.take(list, "its ports are not known")).unwrap_or_default();
        let runs =
            |container: &Field<'_>| field == "containers" || container.value()["restartPolicy"] == "Always";
        for container in containers.into_iter().filter(runs) {
            let list = container.get("ports").map(|list| list.list());
            let list = list.and_then(|list| notes.take(list, "its ports are not known")).unwrap_or_default();
            let read = notes.take_all(list.iter().filter(declares).map(port), "the port is not known");
            let new = |port: &WorkloadPort| seen.insert(port.name.clone().ok_or(port.port));
            ports.extend(read.into_iter().filter(new));
        }
    }
    ports
}

/// Returns whether Linkerd takes a port for opaque that nothing is said of.
fn is_default_opaque(port: &Field<'_>, plane: Option<DataPlane>) -> bool {
    let number = port.value()["containerPort"].as_u64();
    plane == Some(DataPlane::Linkerd)
        && DEFAULT_OPAQUE_PORTS.iter().any(|port| number == Some((*port).into()))
}

fn port(place: &Field<'_>) -> Result<WorkloadPort, FieldError> {
    let port = place.need("containerPort")?.port()?;
    let name = place.get("name").map(|name| name.name()).transpose()?;
    let named = name.and_then(protocol::by_prefix);
    Ok(WorkloadPort { name: name.map(Into::into), port, app_port: port, protocol: None, named })
}

/// Returns whether a port of Kubernetes is a TCP port: unset means TCP.
pub(crate) fn is_tcp(port: &Field<'_>) -> bool {
    matches!(port.value()["protocol"].as_str(), None | Some("TCP" | ""))
}

//! Ports of a workload that belong to its proxy: nothing that names them can be enforced there.

use crate::services::member::ServiceBackend;
use crate::status::findings::Finding;
use heddle_model::fact::{DataPlane, Workload};
use heddle_model::{Diagnostic, SourceRef};
use std::collections::BTreeSet;

/// The ports of a workload that its proxy keeps for itself.
pub(crate) fn of(workload: &Workload) -> BTreeSet<u16> {
    let plane = workload.plane.filter(|_| !workload.host_network);
    plane.map_or(&[][..], DataPlane::own_ports).iter().copied().collect()
}

/// Notes that a policy does nothing at a port.
pub(crate) fn note_policy(policy: &SourceRef, port: u16, finding: &mut Finding) {
    finding.proxy_ports.insert(Diagnostic {
        object: policy.clone(),
        field: "spec.ports".into(),
        reason: "ProxyPort",
        message: format!(
            "port {port} belongs to the proxy of a selected workload: the policy does nothing there, name another port"
        ),
    });
}

/// Notes that a Service leads to a port.
pub(crate) fn note_service(edge: &ServiceBackend, finding: &mut Finding) {
    let (port, target) = (edge.port.port, edge.target);
    finding.diagnostics.insert(Diagnostic {
        object: edge.port.service.source(),
        field: "spec.ports".into(),
        reason: "ProxyPort",
        message: format!(
            "port {port} leads to port {target}, which belongs to the proxy of a workload behind it: it reaches no application there"
        ),
    });
}

/// Notes that a workload or a Server names a port.
pub(crate) fn note_owner(object: SourceRef, field: &str, port: u16, finding: &mut Finding) {
    finding.diagnostics.insert(Diagnostic {
        object,
        field: field.into(),
        reason: "ProxyPort",
        message: format!("port {port} belongs to the workload's proxy: it reaches no application"),
    });
}

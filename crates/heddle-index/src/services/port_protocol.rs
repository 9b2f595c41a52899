//! The protocol of a workload's port, where no InboundPolicy says it.

use crate::services::member::ServiceBackend;
use crate::status::findings::Finding;
use heddle_model::fact::Protocol;
use heddle_model::snapshot::Service;
use heddle_model::{Diagnostic, Map, ServiceKey, ServicePortKey};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Returns what the Services that lead to a port say it speaks, if they agree.
///
/// One that says nothing agrees with every other. Where they disagree, the port is detected, and each of them
/// is told of the others.
pub(crate) fn from_services(
    services: &Map<ServiceKey, Arc<Service>>,
    edges: &[ServiceBackend],
    number: u16,
    finding: &mut Finding,
) -> Option<Protocol> {
    let leading = edges.iter().filter(|edge| edge.target == number);
    let saying: Vec<_> = leading.filter_map(|edge| Some((said(services, &edge.port)?, &edge.port))).collect();
    let protocols: BTreeSet<Protocol> = saying.iter().map(|(protocol, _)| *protocol).collect();
    if protocols.len() <= 1 {
        return protocols.first().copied();
    }
    for (protocol, port) in &saying {
        let others = saying.iter().filter(|(other, _)| other != protocol);
        let others: Vec<_> = others.map(|(other, port)| format!("{port} says {other:?}")).collect();
        finding.diagnostics.insert(Diagnostic {
            object: port.service.source(),
            field: "spec.ports".to_string(),
            reason: "ProtocolConflict",
            message: format!(
                "port {} says {protocol:?} of target port {number}, but {}: it is detected",
                port.port,
                others.join(", ")
            ),
        });
    }
    Some(Protocol::Detect)
}

fn said(services: &Map<ServiceKey, Arc<Service>>, key: &ServicePortKey) -> Option<Protocol> {
    let service = services.get(&key.service)?;
    let port = service.ports.iter().find(|port| port.number == key.port)?;
    (port.protocol != Protocol::Detect).then_some(port.protocol)
}

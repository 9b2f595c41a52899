//! The mTLS mode and the protocol that InboundPolicies give a port.

use crate::status::findings::Finding;
use heddle_model::fact::{InboundPolicy, Mtls, Protocol};
use heddle_model::{Diagnostic, SourceRef};
use std::cmp::Reverse;

/// The InboundPolicies that select a workload, in the order of their names.
pub(crate) type Selecting<'a> = Vec<(&'a SourceRef, &'a InboundPolicy)>;

/// A port of a workload: one by number, or all that nobody declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PortRef {
    Number(u16),
    Undeclared,
}

impl PortRef {
    /// Returns whether a policy that names these ports (none: all) covers it.
    pub(crate) fn is_among(self, ports: &std::collections::BTreeSet<u16>) -> bool {
        match self {
            Self::Number(number) => ports.is_empty() || ports.contains(&number),
            Self::Undeclared => ports.is_empty(),
        }
    }
}

impl std::fmt::Display for PortRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "port {number}"),
            Self::Undeclared => write!(f, "undeclared ports"),
        }
    }
}

/// The strictest mode that a policy asks for, and the first policy by name that does. The others are told.
pub(crate) fn mode(
    policies: &Selecting<'_>,
    port: PortRef,
    finding: &mut Finding,
) -> Option<(Mtls, SourceRef)> {
    let covering = policies.iter().filter(|(_, policy)| port.is_among(&policy.ports));
    let asking: Vec<_> = covering.filter_map(|(source, policy)| Some((policy.mtls?, *source))).collect();
    let (strictest, winner) = asking.iter().min_by_key(|(mtls, source)| (Reverse(*mtls), *source))?;
    for (mtls, loser) in asking.iter().filter(|(mtls, _)| mtls != strictest) {
        finding.conflicts.insert(conflict(
            loser,
            format!("{port}: mTLS {mtls:?} gives way to {strictest:?} of {winner}, the strictest holds"),
        ));
    }
    Some((*strictest, (*winner).clone()))
}

/// The protocol that the first policy by name gives a port. Those that disagree are told.
pub(crate) fn protocol(policies: &Selecting<'_>, number: u16, finding: &mut Finding) -> Option<Protocol> {
    let port = PortRef::Number(number);
    let covering = policies.iter().filter(|(_, policy)| port.is_among(&policy.ports));
    let mut asking = covering.filter_map(|(source, policy)| Some((policy.protocol?, *source)));
    let (first, winner) = asking.next()?;
    for (protocol, loser) in asking.filter(|(protocol, _)| *protocol != first) {
        finding.conflicts.insert(conflict(
            loser,
            format!(
                "{port}: protocol {protocol:?} gives way to {first:?} of {winner}, the first by name holds"
            ),
        ));
    }
    Some(first)
}

fn conflict(object: &SourceRef, message: String) -> Diagnostic {
    Diagnostic { object: object.clone(), field: String::new(), reason: "Conflicted", message }
}

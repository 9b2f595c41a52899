//! Findings: what is wrong with objects, in one form for the log, `heddle lint`, `heddle explain` and the debug pages.

use crate::LimitationsByObject;
use heddle_model::report::{Condition, Report};
use heddle_model::{Diagnostic, Snapshot, SourceRef, WorkloadKind};
use std::collections::BTreeSet;
use std::fmt;

/// Something wrong with one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The object.
    pub object: SourceRef,
    /// Its field, as a path from its root; empty for the whole.
    pub field: String,
    /// Its severity.
    pub severity: Severity,
    /// A CamelCase reason.
    pub reason: &'static str,
    /// A sentence: what came, what was wanted, what holds instead.
    pub message: String,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something that was written does not hold.
    Error,
    /// It holds as written, but may not be what was meant, or not every proxy can do it.
    Warning,
}

/// Reasons of warnings. Every other reason is an error.
const WARNINGS: [&str; 19] = [
    "CallerNotFound",
    "Conflicted",
    "HeaderMatch",
    "MoreSpecificRoute",
    "NoEndpoint",
    "NotEnforced",
    "NotHonoured",
    "OverDenied",
    "OwnNamespace",
    "PodsOutside",
    "PortUnknown",
    "ProtocolConflict",
    "RateLimitUnsupported",
    "RequestsUnseen",
    "RetryBackoff",
    "RouteOrder",
    "SelectsNothing",
    "TooManyRoutes",
    "UnknownKey",
];

impl Severity {
    /// Returns the severity of a reason.
    pub fn from_reason(reason: &str) -> Self {
        if WARNINGS.contains(&reason) { Self::Warning } else { Self::Error }
    }

    /// Returns the severity as users read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&Diagnostic> for Finding {
    fn from(Diagnostic { object, field, reason, message }: &Diagnostic) -> Self {
        let severity = Severity::from_reason(reason);
        Self { object: object.clone(), field: field.clone(), severity, reason, message: message.clone() }
    }
}

/// Returns what is wrong with an object: its diagnostics, those conditions of its report that say more, and what proxies
/// cannot do of it.
pub fn findings(
    snapshot: &Snapshot,
    limitations: &LimitationsByObject,
    object: &SourceRef,
) -> BTreeSet<Finding> {
    let diagnostics = snapshot.diagnostics.get(object).map_or(&[][..], |all| all);
    let report = snapshot.reports.get(object).map(|report| &**report);
    let conditions = report.into_iter().flat_map(|report| from_report(object, report));
    // Of a workload it is a property of its proxy that nothing in the object can mend.
    let is_workload = WorkloadKind::ALL.map(WorkloadKind::object).contains(&object.kind);
    let limitations = limitations.get(object).filter(|_| !is_workload).map_or(&[][..], |all| all);
    diagnostics.iter().chain(limitations).map(Finding::from).chain(conditions).collect()
}

/// Returns what is wrong with all objects.
pub fn all_findings(snapshot: &Snapshot, limitations: &LimitationsByObject) -> BTreeSet<Finding> {
    let objects = described(snapshot).into_iter().chain(limitations.keys());
    objects.flat_map(|object| findings(snapshot, limitations, object)).collect()
}

/// Returns the objects that have diagnostics or a report.
pub fn described(snapshot: &Snapshot) -> BTreeSet<&SourceRef> {
    snapshot.diagnostics.keys().chain(snapshot.reports.keys()).collect()
}

fn from_report<'a>(object: &'a SourceRef, report: &'a Report) -> impl Iterator<Item = Finding> {
    let conditions = report.subjects.iter().flat_map(|subject| &subject.conditions);
    conditions.filter(|condition| condition.is_fault() && !condition.diagnosed).map(|condition| {
        let Condition { kind, holds: _, reason, message, diagnosed: _ } = condition;
        let message = if message.is_empty() { (*kind).to_string() } else { message.clone() };
        let severity = Severity::from_reason(reason);
        Finding { object: object.clone(), field: String::new(), severity, reason, message }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::Kind;
    use heddle_model::report::Subject;
    use std::sync::Arc;

    fn policy() -> SourceRef {
        SourceRef::new(Kind::AccessPolicy, "shop", "deny")
    }

    fn snapshot(conditions: Vec<Condition>, diagnostics: Vec<Diagnostic>) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let report = Report { subjects: vec![Subject { parent: None, conditions }] };
        snapshot.reports.insert(policy(), Arc::new(report));
        snapshot.diagnostics.insert(policy(), diagnostics.into());
        snapshot
    }

    #[test]
    fn a_fault_is_found_once_and_what_is_well_never() {
        let condition = |kind, holds, reason, text: &str| Condition::new(kind, holds, reason, text.into());
        let diagnostic = Diagnostic {
            object: policy(),
            field: "spec.rules[0]".into(),
            reason: "Invalid",
            message: "is empty; it admits nothing".into(),
        };
        let conditions = vec![
            condition("Accepted", true, "Accepted", "selects 1 workloads, 1 ports"),
            condition("Enforced", false, "NotEnforced", "port 80: an Envoy does not limit requests"),
            condition("PartiallyInvalid", true, "Invalid", "spec.rules[0]: is empty; it admits nothing")
                .diagnosed(),
        ];
        let found = findings(&snapshot(conditions, vec![diagnostic]), &LimitationsByObject::new(), &policy());
        let found: Vec<_> =
            found.iter().map(|one| (one.severity.as_str(), one.reason, &*one.field)).collect();
        assert_eq!(found, [("warning", "NotEnforced", ""), ("error", "Invalid", "spec.rules[0]")]);
    }
}

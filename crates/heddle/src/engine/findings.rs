//! What is wrong with objects: what resolving found, and what linkerd2-proxies cannot do of them.

use super::Limitations;
use heddle_model::{Snapshot, SourceRef, WorkloadKind};
use heddle_status::{Finding, described};
use std::collections::BTreeSet;

/// Returns what is wrong with an object.
pub(crate) fn findings(
    snapshot: &Snapshot,
    limitations: &Limitations,
    object: &SourceRef,
) -> BTreeSet<Finding> {
    let mut all = heddle_status::findings(snapshot, object);
    // Of a workload it is a property of its proxy that nothing in the object can mend.
    if !WorkloadKind::ALL.map(WorkloadKind::object).contains(&object.kind) {
        let limits = limitations.get(object).into_iter().flat_map(|limits| limits.iter());
        all.extend(limits.map(Finding::from));
    }
    all
}

/// Returns what is wrong with all objects.
pub(crate) fn all_findings(snapshot: &Snapshot, limitations: &Limitations) -> BTreeSet<Finding> {
    let objects = described(snapshot).into_iter().chain(limitations.keys());
    objects.flat_map(|object| findings(snapshot, limitations, object)).collect()
}

//! The status of a policy with one target, which the status names too.

use crate::Object;
use crate::condition::{self, Stamp};
use crate::parent::reference;
use heddle_model::report::Report;

/// Writes `status.targetRef`, where the report has a parent, and the conditions.
pub(crate) fn write(status: &mut Object, report: &Report, stamp: &Stamp) {
    let Some(subject) = report.subjects.first() else { return };
    if let Some(target) = &subject.parent {
        status.insert("targetRef".to_string(), reference(target));
    }
    condition::write(status, &subject.conditions, stamp);
}

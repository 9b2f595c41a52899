//! Reports in, Kubernetes status out; and what is wrong with objects, as findings.
//!
//! A status is a function of the report, the object's generation, the status that is there and a given `now`.
//! Where the one that is there says the same already, nothing is written.

mod condition;
mod finding;
mod limitation;
mod parent;
mod target;
mod time;

use heddle_model::report::{Condition, Report};
use heddle_model::{Meta, Origin, SourceRef, StatusForm};
use serde_json::{Map, Value};

pub use finding::{Finding, Severity, all_findings, described, findings};
pub use limitation::{LimitationTracker, Limitations, LimitationsByObject};
pub use time::rfc3339;

/// The controller that Heddle's entries in `status.parents[]` name.
pub const CONTROLLER: &str = "heddle.dev/controller";

/// The controller that entries of Linkerd's own HTTPRoutes name: what reads them looks for it.
pub const LINKERD_CONTROLLER: &str = "linkerd.io/policy-controller";

/// A JSON object.
type Object = Map<String, Value>;

/// The value that `.status` of an object should have, or `None` where `current` says all of it already.
///
/// `current` is the status that is there, as JSON; one that is absent or cannot be read counts as empty. What
/// others wrote stays as it is and where it is: parents of other controllers, condition types that are not
/// ours, other fields. `now` is in seconds since 1970 and is used only where a condition's truth changes.
///
/// Returns `None` for kinds that have no status of ours.
pub fn status(
    source: &SourceRef,
    report: &Report,
    meta: &Meta,
    current: Option<&str>,
    controller: &str,
    now: i64,
) -> Option<Value> {
    let stamp = condition::Stamp { generation: Some(meta.generation), now: rfc3339(now) };
    let current = read(current);
    let mut new = current.clone();
    let spec = source.kind.spec();
    match spec.status {
        StatusForm::None => return None,
        StatusForm::Parents => {
            let name = if spec.origin == Origin::Linkerd { LINKERD_CONTROLLER } else { controller };
            parent::write(&mut new, report, name, &stamp);
        }
        StatusForm::Conditions => {
            let conditions = report.subjects.first().map_or(&[][..], |subject| &subject.conditions);
            condition::write(&mut new, conditions, &stamp);
        }
        StatusForm::Target => {
            // The definitions of these kinds have no `observedGeneration`: it would be cut off each time.
            target::write(&mut new, report, &condition::Stamp { generation: None, ..stamp });
        }
    }
    (new != current).then_some(Value::Object(new))
}

/// The status with one more condition, or `None` where `current` says it already. All else stays: the condition is told
/// beside those of [`status`], by whoever knows what no report says.
pub fn with_condition(
    current: Option<&str>,
    condition: &Condition,
    generation: Option<i64>,
    now: i64,
) -> Option<Value> {
    let current = read(current);
    let mut new = current.clone();
    let stamp = condition::Stamp { generation, now: rfc3339(now) };
    condition::put(&mut new, std::slice::from_ref(condition), &stamp, |_| true);
    (new != current).then_some(Value::Object(new))
}

fn read(status: Option<&str>) -> Object {
    status.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Takes an array out of an object; anything else that is there is dropped.
fn take_array(object: &mut Object, field: &str) -> Vec<Value> {
    match object.remove(field) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;

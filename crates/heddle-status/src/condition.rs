//! Conditions, merged into those that are there.

use crate::{Object, take_array};
use heddle_model::report::Condition;
use serde_json::{Value, json};

/// The condition types that are ours to write and to take back.
const OURS: &[&str] = &["Accepted", "Conflicted", "Enforced", "PartiallyInvalid", "ResolvedRefs"];

/// The part that time and the object add to a condition.
pub(crate) struct Stamp {
    /// The generation that was judged, where a condition has room for it.
    pub(crate) generation: Option<i64>,
    /// RFC 3339.
    pub(crate) now: String,
}

/// Writes `conditions` of a status or of one of its parents: ours are replaced in their places, new ones come
/// last, ours that hold no more are taken out, foreign types stay.
pub(crate) fn write(object: &mut Object, conditions: &[Condition], stamp: &Stamp) {
    put(object, conditions, stamp, |name| !OURS.contains(&name));
}

/// Writes `conditions` in their places, new ones last. The others stay as far as `keeps` says so of their types.
pub(crate) fn put(
    object: &mut Object,
    conditions: &[Condition],
    stamp: &Stamp,
    keeps: impl Fn(&str) -> bool,
) {
    let mut written: Vec<Value> = Vec::new();
    for old in take_array(object, "conditions") {
        let name = old["type"].as_str().unwrap_or_default();
        match conditions.iter().find(|condition| condition.kind == name) {
            Some(condition) => written.push(one(condition, Some(&old), stamp)),
            None if keeps(name) => written.push(old),
            None => {}
        }
    }
    for condition in conditions {
        if !written.iter().any(|other| other["type"] == condition.kind) {
            written.push(one(condition, None, stamp));
        }
    }
    if !written.is_empty() {
        object.insert("conditions".to_string(), Value::Array(written));
    }
}

/// One condition. Its transition time is the old one while its truth stays (`meta/v1 Condition`).
fn one(condition: &Condition, old: Option<&Value>, stamp: &Stamp) -> Value {
    let Condition { kind, holds, reason, message, diagnosed: _ } = condition;
    let status = if *holds { "True" } else { "False" };
    let kept = old.filter(|old| old["status"] == status).and_then(|old| old["lastTransitionTime"].as_str());
    let mut condition = json!({
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": kept.unwrap_or(&stamp.now),
    });
    if let Some(generation) = stamp.generation {
        condition["observedGeneration"] = generation.into();
    }
    condition
}

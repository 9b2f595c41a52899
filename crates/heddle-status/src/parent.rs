//! `status.parents[]` of a route: one entry per parent and controller.

use crate::condition::{self, Stamp};
use crate::{Object, take_array};
use heddle_model::report::{ParentRef, Report, Subject};
use serde_json::Value;

/// The most entries that the API takes, those of all controllers together.
const LIMIT: usize = 32;

/// Writes our entries: those that are still relevant in their places, new ones last, the others taken out.
/// Entries of other controllers stay as they are. What goes over the limit is not told: the API would refuse
/// the whole status for it.
pub(crate) fn write(status: &mut Object, report: &Report, controller: &str, stamp: &Stamp) {
    let had = status.contains_key("parents");
    let mut wanted: Vec<(Value, &Subject)> = Vec::new();
    for subject in &report.subjects {
        let Some(parent) = &subject.parent else { continue };
        let parent = reference(parent);
        if !wanted.iter().any(|(other, _)| *other == parent) {
            wanted.push((parent, subject));
        }
    }
    let mut written: Vec<Value> = Vec::new();
    for old in take_array(status, "parents") {
        if old["controllerName"] != controller {
            written.push(old);
            continue;
        }
        let place = wanted.iter().position(|(parent, _)| *parent == old["parentRef"]);
        if let Some(place) = place {
            let (parent, subject) = wanted.remove(place);
            written.push(entry(parent, subject, Some(old), controller, stamp));
        }
    }
    let room = LIMIT.saturating_sub(written.len());
    let new = wanted.into_iter().take(room);
    written.extend(new.map(|(parent, subject)| entry(parent, subject, None, controller, stamp)));
    if had || !written.is_empty() {
        status.insert("parents".to_string(), Value::Array(written));
    }
}

fn entry(parent: Value, subject: &Subject, old: Option<Value>, controller: &str, stamp: &Stamp) -> Value {
    let mut entry = match old {
        Some(Value::Object(old)) => old,
        _ => Object::new(),
    };
    entry.insert("parentRef".to_string(), parent);
    entry.insert("controllerName".to_string(), controller.into());
    condition::write(&mut entry, &subject.conditions, stamp);
    Value::Object(entry)
}

/// A parent, verbatim: what its author left out stays out.
pub(crate) fn reference(parent: &ParentRef) -> Value {
    let ParentRef { group, kind, namespace, name, section_name, port } = parent;
    let mut object = Object::new();
    let texts = [("group", group), ("kind", kind), ("namespace", namespace), ("sectionName", section_name)];
    for (field, text) in texts {
        if let Some(text) = text {
            object.insert(field.to_string(), text.as_str().into());
        }
    }
    object.insert("name".to_string(), name.as_str().into());
    if let Some(port) = port {
        object.insert("port".to_string(), (*port).into());
    }
    Value::Object(object)
}

//! Reports and diagnostics, as the debug page shows them.

use crate::engine::State;
use heddle_model::report::{Condition, ParentRef, Report, Subject};
use heddle_model::{Diagnostic, SourceRef};
use heddle_status::described;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Returns what is wrong with all objects.
pub(super) fn diagnostics(state: &State) -> Vec<Value> {
    let all = state.snapshot.diagnostics.values().chain(state.limitations.values());
    all.flat_map(|all| all.iter()).map(diagnostic).collect()
}

/// Returns what became of all objects that have a status.
pub(super) fn reports(state: &State) -> Vec<Value> {
    state.snapshot.reports.iter().map(|(object, found)| report(object, found)).collect()
}

/// Returns what became of the objects that `key` names as `KIND/NAMESPACE/NAME`, or `KIND/NAME` where the kind has
/// no namespaces; `None` where nothing is known of any. Two groups may have a kind of one name.
pub(super) fn one(state: &State, key: &str) -> Option<Value> {
    let mut named: BTreeSet<&SourceRef> = described(&state.snapshot);
    named.extend(state.limitations.keys());
    named.retain(|object| is(object, key));
    if named.is_empty() {
        return None;
    }
    let owned = |all: Option<&Arc<[Diagnostic]>>| all.map(|all| all.to_vec()).unwrap_or_default();
    let found = named.iter().flat_map(|object| {
        let limits = owned(state.limitations.get(*object));
        owned(state.snapshot.diagnostics.get(*object)).into_iter().chain(limits)
    });
    let reported = named.iter().filter_map(|object| Some((*object, state.snapshot.reports.get(*object)?)));
    Some(json!({
        "key": key,
        "diagnostics": found.map(|one| diagnostic(&one)).collect::<Vec<_>>(),
        "reports": reported.map(|(object, found)| report(object, found)).collect::<Vec<_>>(),
    }))
}

fn is(object: &SourceRef, key: &str) -> bool {
    let SourceRef { kind, namespace, name } = object;
    let Some((word, rest)) = key.split_once('/') else { return false };
    let place = rest.split_once('/').unwrap_or(("", rest));
    word.eq_ignore_ascii_case(kind.as_str()) && place == (namespace, name)
}

fn diagnostic(Diagnostic { object, field, reason, message }: &Diagnostic) -> Value {
    json!({"object": object.to_string(), "field": field, "reason": reason, "message": message})
}

fn report(object: &SourceRef, Report { subjects }: &Report) -> Value {
    let subjects = subjects.iter().map(|Subject { parent, conditions }| {
        json!({
            "parent": parent.as_ref().map(reference),
            "conditions": conditions.iter().map(condition).collect::<Vec<_>>(),
        })
    });
    json!({"object": object.to_string(), "subjects": subjects.collect::<Vec<_>>()})
}

fn reference(ParentRef { group, kind, namespace, name, section_name, port }: &ParentRef) -> Value {
    json!({
        "group": group, "kind": kind, "namespace": namespace, "name": name, "sectionName": section_name, "port": port,
    })
}

fn condition(Condition { kind, holds, reason, message, diagnosed: _ }: &Condition) -> Value {
    let status = if *holds { "True" } else { "False" };
    json!({"type": kind, "status": status, "reason": reason, "message": message})
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::Kind;

    #[test]
    fn an_object_is_named_by_kind_namespace_and_name() {
        let policy = SourceRef::new(Kind::AccessPolicy, "shop", "web");
        let mesh = SourceRef::new(Kind::Mesh, "", "default");
        assert!(is(&policy, "AccessPolicy/shop/web") && is(&policy, "accesspolicy/shop/web"));
        assert!(is(&mesh, "Mesh/default"));
        for other in ["AccessPolicy/web", "AccessPolicy/shop/web2", "InboundPolicy/shop/web", "shop/web", ""]
        {
            assert!(!is(&policy, other), "{other}");
        }
    }
}

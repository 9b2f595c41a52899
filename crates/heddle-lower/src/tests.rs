//! Each kind by what it says, and by what it says where it cannot be read.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

mod access;
mod bounds;
mod keys;
mod linkerd;
mod mesh;
mod never_fails;
mod service;
mod workload;

use super::*;
use serde_json::json;

/// Lowers an object named `NAMESPACE/x` with the fields of `rest`, and splits off what is wrong with it, as
/// `FIELD REASON: MESSAGE`.
pub(crate) fn say(kind: Kind, rest: Value) -> (Fact, Vec<String>) {
    let mut object = json!({"metadata": {"name": name_of(kind), "namespace": "shop"}});
    for (name, value) in rest.as_object().expect("an object") {
        match (object.get_mut(name).and_then(Value::as_object_mut), value.as_object()) {
            (Some(fields), Some(more)) => fields.extend(more.clone()),
            _ => object[name] = value.clone(),
        }
    }
    let lowered = lower(kind, &object);
    let lines = lowered.diagnostics.iter().map(|found| {
        assert_eq!(found.object, lowered.source);
        format!("{} {}: {}", found.field, found.reason, found.message)
    });
    (lowered.fact, lines.collect())
}

/// A name that a sound object of the kind may have.
fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Mesh => "default",
        Kind::ServiceProfile => "web.shop.svc.cluster.local",
        _ => "x",
    }
}

/// Checks the faults of an object.
#[track_caller]
pub(crate) fn check_faults(kind: Kind, rest: Value, want: &[&str]) {
    let (_, got) = say(kind, rest.clone());
    assert_eq!(got, want, "{rest}");
}

#[track_caller]
fn check_invalid(kind: Kind, object: Value, want: &str) {
    let lowered = lower(kind, &object);
    assert_eq!(lowered.fact, Fact::Invalid(Invalid { message: want.into() }), "{object}");
    assert_eq!(lowered.diagnostics.len(), 1);
}

#[test]
fn what_cannot_be_read_at_all_is_invalid_and_says_why() {
    for kind in Kind::ALL {
        check_invalid(kind, json!("x"), r#""x" is not an object"#);
        check_invalid(kind, json!({}), "metadata: is required");
        check_invalid(kind, json!({"metadata": {}}), "metadata.name: is required");
        check_invalid(kind, json!({"metadata": {"name": 5}}), "metadata.name: 5 is not a string");
        check_invalid(kind, json!({"metadata": {"name": ""}}), "metadata.name: must not be empty");
    }
    let with_spec = Kind::ALL.into_iter().filter(|kind| {
        !matches!(
            kind,
            Kind::Namespace | Kind::Node | Kind::EndpointSlice | Kind::Mesh | Kind::ExternalWorkload
        )
    });
    for kind in with_spec {
        check_invalid(kind, json!({"metadata": {"name": "x"}}), "spec: is required");
        check_invalid(kind, json!({"metadata": {"name": "x"}, "spec": []}), "spec: a list is not an object");
    }
}

#[test]
fn an_object_is_found_where_it_lives() {
    let object =
        json!({"metadata": {"name": "a", "namespace": "b", "uid": "u", "generation": 7}, "status": {"x": 1}});
    let lowered = lower(Kind::HttpRoute, &object);
    assert_eq!(lowered.source.to_string(), "HTTPRoute b/a");
    assert_eq!((lowered.meta.generation, lowered.meta.uid.as_str()), (7, "u"));
    assert_eq!(lowered.meta.status.as_deref(), Some(r#"{"x":1}"#));
    assert_eq!(lower(Kind::Pod, &object).meta.status, None);
    assert_eq!(lower(Kind::Node, &object).source.to_string(), "Node a");
    assert_eq!(lower(Kind::Pod, &json!({"metadata": {"name": "a"}})).source.to_string(), "Pod default/a");
}

#[test]
fn heddles_own_kinds_are_where_their_definitions_say() {
    use heddle_model::Scope;
    for crd in heddle_api::crds() {
        let defined =
            |kind: &Kind| (kind.spec().group, kind.spec().name) == (&crd.spec.group, &crd.spec.names.kind);
        let spec = Kind::ALL.into_iter().find(defined).expect("every defined kind is lowered").spec();
        assert_eq!(spec.plural, crd.spec.names.plural);
        assert_eq!(spec.scope == Scope::Namespaced, crd.spec.scope == "Namespaced");
        assert_eq!(spec.version(), crd.spec.versions[0].name);
    }
}

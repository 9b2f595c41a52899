//! Every way to break one field of an object, by its schema.

use serde_json::{Value, json};

/// Each limit of each field that `spec` sets, broken alone: the path as the API server names it, and the spec.
pub(crate) fn mutations(kind: &str, spec: &Value) -> Vec<(String, Value)> {
    let crds = heddle_api::crds();
    let crd = crds.iter().find(|crd| crd.spec.names.kind == kind).expect("the kind is defined");
    let crd = serde_json::to_value(crd).expect("a definition is JSON");
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut found = Vec::new();
    below(schema, spec, "", "spec", &mut found);
    let broken = found.into_iter().map(|(pointer, path, value)| {
        let mut spec = spec.clone();
        match value {
            Some(value) => *spec.pointer_mut(&pointer).expect("the field is set") = value,
            None => remove(&mut spec, &pointer),
        }
        (path, spec)
    });
    broken.collect()
}

type Found = Vec<(String, String, Option<Value>)>;

fn below(schema: &Value, value: &Value, pointer: &str, path: &str, found: &mut Found) {
    if !pointer.is_empty() {
        let limits = broken(schema, value).into_iter();
        found.extend(limits.map(|value| (pointer.to_owned(), path.to_owned(), Some(value))));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        found.push((format!("{pointer}/{name}"), format!("{path}.{name}"), None));
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let Some(value) = value.get(name) else { continue };
        below(schema, value, &format!("{pointer}/{name}"), &format!("{path}.{name}"), found);
    }
    if let Some(first) = value.get(0) {
        below(&schema["items"], first, &format!("{pointer}/0"), &format!("{path}[0]"), found);
    }
}

/// Values that the schema of one field does not take.
fn broken(schema: &Value, value: &Value) -> Vec<Value> {
    let number =
        |key: &str| schema[key].as_u64().map(|limit| usize::try_from(limit).expect("a limit is small"));
    let mut all = vec![if schema["type"] == "string" { json!(7) } else { json!("wrong") }];
    if schema["enum"].is_array() {
        all.push(json!("Nonsense"));
    }
    all.extend(schema["minimum"].as_i64().map(|least| json!(least - 1)));
    all.extend(schema["maximum"].as_i64().map(|most| json!(most + 1)));
    all.extend(number("minLength").filter(|least| *least > 0).map(|least| json!("a".repeat(least - 1))));
    all.extend(number("maxLength").map(|most| json!("a".repeat(most + 1))));
    if schema["pattern"].is_string() || schema["format"] == "cidr" {
        all.push(json!(" "));
    }
    all.extend(number("minItems").filter(|least| *least > 0).map(|_| json!([])));
    let first = value.get(0).cloned();
    all.extend(number("maxItems").map(|most| json!(vec![first.clone(); most + 1])));
    let keys = |most: usize| (0..=most).map(|key| (format!("key{key}"), json!("a")));
    all.extend(number("maxProperties").map(|most| Value::Object(keys(most).collect())));
    all
}

fn remove(spec: &mut Value, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer has a parent");
    let parent = spec.pointer_mut(parent).expect("the parent is set");
    parent.as_object_mut().expect("only objects have required fields").remove(name);
}

//! The rules of one schema (`x-kubernetes-validations`), evaluated as the API server evaluates them.

use super::Problem;
use crate::rule;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use kube_cel::{CompiledSchema, ErrorKind, compile_schema, validate_compiled};
use serde_json::Value;

/// The rules of a schema, compiled. Rules about a change hold always: one object alone shows no change.
#[derive(Debug)]
pub(super) struct Rules {
    compiled: CompiledSchema,
}

impl Rules {
    pub(super) fn new(schema: &JSONSchemaProps) -> Self {
        let mut schema = serde_json::to_value(schema).expect("a schema is JSON");
        translate(&mut schema);
        Self { compiled: compile_schema(&schema) }
    }

    /// Adds the rules that `object` breaks to what its schema refuses, `found`.
    pub(super) fn check(&self, object: &Value, found: &mut Vec<Problem>) {
        let object = without_nulls(object);
        let Err(broken) = validate_compiled(&self.compiled, &object, None) else { return };
        let sound = found.is_empty();
        // A rule fails otherwise than by its answer where it reads a value of the wrong form, which the schema refused.
        let broken = broken.into_iter().filter(|error| sound || error.kind == ErrorKind::ValidationFailure);
        found.extend(broken.map(|error| Problem { field: error.field_path, message: error.message }));
    }
}

/// Replaces rules that mean something else in a folder, and gives each a message.
fn translate(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get("rule") {
                let (text, message) = (rule::in_a_folder(text).to_owned(), format!("breaks the rule {text}"));
                fields.insert("rule".into(), text.into());
                fields.entry("message").or_insert(message.into());
            }
            fields.values_mut().for_each(translate);
        }
        Value::Array(items) => items.iter_mut().for_each(translate),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A field that is null counts as absent.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

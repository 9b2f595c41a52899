//! A message with what is alike in all of them in a word, so that a golden shows its story.

use serde_json::{Map, Value, json};

/// The value in brief.
pub(super) fn brief(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(brief).collect()),
        Value::Object(fields) => object(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn object(mut fields: Map<String, Value>) -> Value {
    if let Some(ip) = fields.get("ip").and_then(Value::as_str) {
        return match (fields.get("port"), fields.get("prefix_len")) {
            (Some(port), _) => format!("{ip}:{port}").into(),
            (None, length) => format!("{ip}/{}", length.unwrap_or(&json!(0))).into(),
        };
    }
    if let Some(path) = fields.get("balancer").and_then(|field| field.pointer("/discovery/dst/path")) {
        return format!("endpoints {}", path.as_str().unwrap_or_default()).into();
    }
    if fields.contains_key("http1") && fields.get("http1") == fields.get("http2") {
        fields.insert("http2".into(), "as http1".into());
    }
    fields.remove("queue");
    Value::Object(fields.into_iter().map(|(name, value)| (name, brief(value))).collect())
}

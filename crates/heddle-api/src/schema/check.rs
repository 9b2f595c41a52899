//! One value against one structural schema (OpenAPI v3 as CRDs have it).

use super::Problem;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;

/// Collects problems.
pub(super) struct Check<'a> {
    patterns: &'a BTreeMap<String, Regex>,
    found: &'a mut Vec<Problem>,
}

impl<'a> Check<'a> {
    /// With all compiled patterns of the schemas.
    pub(super) fn new(patterns: &'a BTreeMap<String, Regex>, found: &'a mut Vec<Problem>) -> Self {
        Self { patterns, found }
    }

    pub(super) fn say(&mut self, field: &str, message: String) {
        self.found.push(Problem { field: field.into(), message });
    }

    pub(super) fn value(&mut self, schema: &JSONSchemaProps, value: &Value, path: &str) {
        let wanted = schema.type_.as_deref().unwrap_or("object");
        if !is_a(wanted, value) {
            return self.say(path, format!("{} is not {}", short(value), article(wanted)));
        }
        match value {
            Value::Object(fields) => self.fields(schema, fields, path),
            Value::Array(items) => self.items(schema, items, path),
            Value::String(text) => self.text(schema, text, path),
            Value::Number(_) => self.number(schema, value, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn fields(&mut self, schema: &JSONSchemaProps, fields: &serde_json::Map<String, Value>, path: &str) {
        if let Some(max) = schema.max_properties.filter(|max| fields.len() as i64 > *max) {
            self.say(path, format!("has {} entries, at most {max} are allowed", fields.len()));
        }
        for name in schema.required.iter().flatten() {
            if fields.get(name).is_none_or(Value::is_null) {
                self.say(&format!("{path}.{name}"), "is required".into());
            }
        }
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            let path = format!("{path}.{name}");
            let known = schema.properties.as_ref().and_then(|all| all.get(name));
            match (known, &schema.additional_properties) {
                (Some(schema), _) => self.value(schema, value, &path),
                (None, Some(JSONSchemaPropsOrBool::Schema(schema))) => self.value(schema, value, &path),
                (None, Some(JSONSchemaPropsOrBool::Bool(true))) => {}
                (None, Some(JSONSchemaPropsOrBool::Bool(false)) | None) => {
                    self.say(&path, "is not a field".into());
                }
            }
        }
    }

    fn items(&mut self, schema: &JSONSchemaProps, items: &[Value], path: &str) {
        if let Some(max) = schema.max_items.filter(|max| items.len() as i64 > *max) {
            self.say(path, format!("has {} items, at most {max} are allowed", items.len()));
        }
        if let Some(min) = schema.min_items.filter(|min| (items.len() as i64) < *min) {
            self.say(path, format!("has {} items, at least {min} is needed", items.len()));
        }
        if let Some(JSONSchemaPropsOrArray::Schema(schema)) = &schema.items {
            for (index, item) in items.iter().enumerate() {
                self.value(schema, item, &format!("{path}[{index}]"));
            }
        }
        self.keys(schema, items, path);
    }

    /// A list that is a map by some of its items' fields (`x-kubernetes-list-type: map`) has each key once.
    fn keys(&mut self, schema: &JSONSchemaProps, items: &[Value], path: &str) {
        for key in schema.x_kubernetes_list_map_keys.iter().flatten() {
            let mut seen = Vec::new();
            for (index, item) in items.iter().enumerate() {
                if seen.contains(&&item[key]) {
                    self.say(
                        &format!("{path}[{index}].{key}"),
                        format!("{} is there twice", short(&item[key])),
                    );
                }
                seen.push(&item[key]);
            }
        }
    }

    fn text(&mut self, schema: &JSONSchemaProps, text: &str, path: &str) {
        let shown = short(&Value::String(text.into()));
        if let Some(allowed) = &schema.enum_ {
            let allowed: Vec<&str> = allowed.iter().filter_map(|value| value.0.as_str()).collect();
            if !allowed.contains(&text) {
                return self.say(path, format!("{shown} is none of {}", allowed.join(", ")));
            }
        }
        let length = text.chars().count() as i64;
        if let Some(max) = schema.max_length.filter(|max| length > *max) {
            return self.say(path, format!("has {length} characters, at most {max} are allowed"));
        }
        if let Some(min) = schema.min_length.filter(|min| length < *min) {
            return self.say(path, format!("has {length} characters, at least {min} is needed"));
        }
        if schema.format.as_deref() == Some("cidr") && text.parse::<ipnet::IpNet>().is_err() {
            self.say(path, format!("{shown} is not a network in CIDR notation"));
        }
        let Some(pattern) = &schema.pattern else { return };
        if self.patterns.get(pattern).is_some_and(|regex| !regex.is_match(text)) {
            self.say(path, format!("{shown} does not match {pattern}"));
        }
    }

    fn number(&mut self, schema: &JSONSchemaProps, value: &Value, path: &str) {
        let Some(number) = value.as_f64() else { return };
        let low = schema.minimum.is_some_and(|min| number < min);
        let high = schema.maximum.is_some_and(|max| number > max);
        if let (true, Some(min), Some(max)) = (low || high, schema.minimum, schema.maximum) {
            self.say(path, format!("{value} is not between {min} and {max}"));
        }
    }
}

fn is_a(wanted: &str, value: &Value) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => value.is_number(),
    }
}

fn article(kind: &str) -> String {
    match kind {
        "array" => "a list".into(),
        "object" => "an object".into(),
        "integer" => "an integer".into(),
        other => format!("a {other}"),
    }
}

/// A value as shown in a message: never longer than a line.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

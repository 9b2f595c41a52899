//! One field of a schema, in words.

use anyhow::Result;
use serde_json::Value;
use std::fmt::Write as _;

/// A row for every field below `schema`, which is at `path`.
pub(super) fn rows(page: &mut String, schema: &Value, path: &str, required: bool) -> Result<()> {
    if !["", "spec"].contains(&path) {
        writeln!(page, "| `{path}` | {} | {} |", kind(schema), says(schema, required))?;
    }
    let items = &schema["items"];
    let (fields, base) = if items["properties"].is_object() {
        (items, format!("{path}[]"))
    } else {
        (schema, path.to_owned())
    };
    for (name, field) in fields["properties"].as_object().into_iter().flatten() {
        let required =
            fields["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name));
        let path = if base.is_empty() { name.clone() } else { format!("{base}.{name}") };
        rows(page, field, &path, required)?;
    }
    Ok(())
}

/// The messages of all rules below `schema`, with their places.
pub(super) fn rules(schema: &Value, path: &str) -> Vec<(String, String)> {
    let own = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    let message =
        |rule: &Value| rule["message"].as_str().or(rule["rule"].as_str()).unwrap_or_default().to_owned();
    let mut all: Vec<_> = own.map(|rule| (path.to_owned(), message(rule))).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        all.extend(rules(field, &place));
    }
    if schema["items"].is_object() {
        all.extend(rules(&schema["items"], &format!("{path}[]")));
    }
    all
}

/// The description on one line.
pub(super) fn description(schema: &Value) -> Option<String> {
    let text = schema["description"].as_str()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn kind(schema: &Value) -> String {
    // A choice of described words has its type in each of them, and what may be null has two.
    let of_word = &schema["oneOf"][0]["type"];
    let found = [&schema["type"], &schema["type"][0], of_word].into_iter().find_map(Value::as_str);
    match found {
        Some("array") => format!("list of {}", kind(&schema["items"])),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("map to {}", kind(&schema["additionalProperties"]))
        }
        Some(kind) => kind.to_owned(),
        None if schema["x-kubernetes-int-or-string"] == true => "integer or string".to_owned(),
        None => "any".to_owned(),
    }
}

fn says(schema: &Value, required: bool) -> String {
    let mut parts = Vec::new();
    if required {
        parts.push("**Required.**".to_owned());
    }
    parts.extend(description(schema));
    if let Some(default) = schema.get("default") {
        parts.push(format!("Default: `{default}`."));
    }
    parts.extend(limits(schema, ""));
    parts.extend(limits(&schema["items"], "Each: "));
    parts.join(" ").replace('|', "\\|")
}

/// Returns what values are taken, one sentence per limit.
fn limits(schema: &Value, prefix: &str) -> Vec<String> {
    let range = |least: &str, most: &str, unit: &str| match (schema[least].as_f64(), schema[most].as_f64()) {
        (None, None) => None,
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, Some(most)) => Some(format!("at most {most}{unit}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
    };
    let words = schema["oneOf"].as_array().map(|words| words.iter().map(|word| &word["const"]).collect());
    let values = schema["enum"].as_array().map(|values| values.iter().collect()).or(words);
    let values = values.map(|values: Vec<&Value>| {
        let values: Vec<String> = values.into_iter().map(|value| format!("`{value}`")).collect();
        format!("one of {}", values.join(", "))
    });
    let text = |key: &str, word: &str| schema[key].as_str().map(|text| format!("{word} `{text}`"));
    let all = [
        values,
        range("minimum", "maximum", ""),
        range("minLength", "maxLength", " characters"),
        range("minItems", "maxItems", " entries"),
        range("minProperties", "maxProperties", " entries"),
        text("pattern", "matches"),
        text("format", "format"),
    ];
    all.into_iter().flatten().map(|limit| format!("{prefix}{limit}.")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(schema: &Value, want: &str) {
        let mut page = String::new();
        rows(&mut page, schema, "spec", false).unwrap();
        assert_eq!(page, want);
    }

    #[test]
    fn a_field_says_its_type_its_default_and_its_limits() {
        check(
            &json!({"properties": {
                "mode": {"type": "string", "enum": ["A", "B"], "default": "A", "description": "What\nto do."},
                "ports": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 1, "maximum": 9}},
            }, "required": ["ports"]}),
            "| `spec.mode` | string | What to do. Default: `\"A\"`. one of `\"A\"`, `\"B\"`. |\n\
             | `spec.ports` | list of integer | **Required.** at least 1 entries. Each: 1 to 9. |\n",
        );
    }

    #[test]
    fn described_words_are_a_choice_and_null_is_no_type() {
        let words = json!([{"const": "A", "type": "string"}, {"const": "B", "type": "string"}]);
        check(
            &json!({"properties": {"log": {"oneOf": words}, "mesh": {"type": ["object", "null"]}}}),
            "| `spec.log` | string | one of `\"A\"`, `\"B\"`. |\n| `spec.mesh` | object |  |\n",
        );
    }

    #[test]
    fn fields_of_list_entries_have_rows_of_their_own() {
        let name = json!({"type": "object", "properties": {"name": {"type": "string", "pattern": "a|b"}}});
        check(
            &json!({"properties": {"refs": {"type": "array", "items": name}}}),
            "| `spec.refs` | list of object |  |\n| `spec.refs[].name` | string | matches `a\\|b`. |\n",
        );
    }
}

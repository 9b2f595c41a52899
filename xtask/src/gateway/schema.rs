//! OpenAPI schemas of CRDs, as JSON.

use anyhow::{Context as _, Result};
use serde_json::Value;

/// Removes every description and every rule's message: the shape and the rules are what is read here. A property called
/// `description` or `message` is an object and stays.
pub(super) fn strip_words(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let words = |key: &str| key == "description" || key == "message";
            fields.retain(|key, value| !(words(key) && value.is_string()));
            fields.values_mut().for_each(strip_words);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_words),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The schema of the stored version.
pub(super) fn stored(crd: &Value) -> Result<&Value> {
    let versions = crd["spec"]["versions"].as_array().context("a CRD has versions")?;
    let stored =
        versions.iter().find(|version| version["storage"] == true).context("one version is stored")?;
    Ok(&stored["schema"]["openAPIV3Schema"])
}

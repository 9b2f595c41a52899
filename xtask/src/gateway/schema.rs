//! OpenAPI schemas of CRDs, as JSON.

use anyhow::{Context as _, Result};
use serde_json::Value;

/// Removes every description. A property of that name is an object and stays.
pub(super) fn strip_descriptions(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, value| key != "description" || !value.is_string());
            fields.values_mut().for_each(strip_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_descriptions),
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

//! Corrections of derived schemas: parts that a CRD should not have.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use std::collections::BTreeMap;

/// Removes from every schema the formats that the API server does not know (it warns of each), and `nullable`:
/// a null is no value, and CEL's `has` would take it for one.
pub(crate) fn tidy(crd: &mut CustomResourceDefinition) {
    for version in &mut crd.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            tidy_schema(schema);
        }
    }
}

fn tidy_schema(schema: &mut JSONSchemaProps) {
    schema.format = schema.format.take().filter(|format| !format.starts_with("uint"));
    schema.nullable = None;
    for schema in schema.properties.iter_mut().flat_map(BTreeMap::values_mut) {
        tidy_schema(schema);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        tidy_schema(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy_schema(values);
    }
}

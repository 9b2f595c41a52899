//! The API server's validation, for sources that have no API server.

mod check;
mod rules;
#[cfg(test)]
mod tests;

use crate::crds;
use check::Check;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use regex::Regex;
use rules::Rules;
use serde_json::Value;
use std::collections::BTreeMap;

/// Something that the API server would refuse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The place, as a path from the object's root: `spec.rules[0].from[1].identities[0]`.
    pub field: String,
    /// A sentence: the value that came and the one that is wanted.
    pub message: String,
}

/// The schemas of some kinds, ready to check objects.
#[derive(Debug)]
pub struct Schemas {
    kinds: BTreeMap<String, (JSONSchemaProps, Rules)>,
    patterns: BTreeMap<String, Regex>,
}

impl Default for Schemas {
    fn default() -> Self {
        Self::new()
    }
}

impl Schemas {
    /// The schemas of [`crds`].
    pub fn new() -> Self {
        Self::from_definitions(crds())
    }

    /// The schemas of definitions, each kind's of the version that is listed last.
    pub fn from_definitions(crds: impl IntoIterator<Item = CustomResourceDefinition>) -> Self {
        let mut schemas = Self { kinds: BTreeMap::new(), patterns: BTreeMap::new() };
        for crd in crds {
            for version in crd.spec.versions {
                let schema = version.schema.and_then(|schema| schema.open_api_v3_schema);
                let schema = schema.expect("every definition has a schema");
                schemas.learn_patterns(&schema);
                let rules = Rules::new(&schema);
                schemas.kinds.insert(crd.spec.names.kind.clone(), (schema, rules));
            }
        }
        schemas
    }

    /// Everything in `object` that the API server would refuse: what the schema says, in the order of fields, then what its
    /// rules say. Nothing for a kind without a schema here.
    ///
    /// `metadata` and `status` are not looked at, but for the rules that name them.
    pub fn check(&self, kind: &str, object: &Value) -> Vec<Problem> {
        let mut found = Vec::new();
        let Some((schema, rules)) = self.kinds.get(kind) else { return found };
        let check = &mut Check::new(&self.patterns, &mut found);
        match (schema.properties.as_ref().and_then(|all| all.get("spec")), object.get("spec")) {
            (Some(_), None | Some(Value::Null)) => check.say("spec", "is required".into()),
            (Some(schema), Some(spec)) => check.value(schema, spec, "spec"),
            (None, _) => {}
        }
        for field in object.as_object().into_iter().flat_map(|object| object.keys()) {
            if !["apiVersion", "kind", "metadata", "spec", "status"].contains(&field.as_str()) {
                check.say(field, "is not a field".into());
            }
        }
        rules.check(object, &mut found);
        found
    }

    fn learn_patterns(&mut self, schema: &JSONSchemaProps) {
        if let Some(pattern) = &schema.pattern {
            let regex = Regex::new(pattern).expect("the patterns of checked-in schemas compile");
            self.patterns.insert(pattern.clone(), regex);
        }
        for schema in schema.properties.iter().flat_map(BTreeMap::values) {
            self.learn_patterns(schema);
        }
        if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
            self.learn_patterns(items);
        }
    }
}

//! Limits of one object's size.

use crate::field::{Field, FieldError};
use heddle_model::{Kind, Origin};
use serde_json::Value;

/// The most items of all lists of one `spec` together. An API server takes objects of 1.5 MB, and the schemas
/// bound each list, but not their product.
const MOST: usize = 16_384;

/// Refuses an object whose `spec` says far too much, of a kind that is kept as a whole.
pub(crate) fn check(kind: Kind, root: &Field<'_>) -> Result<(), FieldError> {
    match kind.spec().origin {
        // Little of these is kept, and no list of it within another.
        Origin::Kubernetes => Ok(()),
        Origin::GatewayApi | Origin::Heddle | Origin::Linkerd => {
            root.get("spec").map_or(Ok(()), |spec| spec.at_most(MOST, items(spec.value())))
        }
    }
}

fn items(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.len() + list.iter().map(items).sum::<usize>(),
        Value::Object(fields) => fields.values().map(items).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

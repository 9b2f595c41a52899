//! The metadata of every object.

use crate::field::{Field, FieldError};
use heddle_model::{Kind, Meta, Scope, SourceRef, StatusForm};
use jiff::Timestamp;
use serde_json::Value;

/// Returns which object it is. Parts of its name that cannot be read are empty.
pub(crate) fn source(kind: Kind, object: &Value) -> SourceRef {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    let namespace = match (kind.spec().scope, text("namespace")) {
        (Scope::Cluster, _) => "",
        (Scope::Namespaced, "") => "default",
        (Scope::Namespaced, namespace) => namespace,
    };
    SourceRef::new(kind, namespace, text("name"))
}

/// Its name, without which nothing can be said of it.
pub(crate) fn name<'a>(root: &Field<'a>) -> Result<&'a str, FieldError> {
    root.need("metadata")?.need("name")?.name()
}

/// Returns what decides nothing.
pub(crate) fn meta(kind: Kind, object: &Value) -> Meta {
    let metadata = &object["metadata"];
    let status =
        object.get("status").filter(|status| kind.spec().status != StatusForm::None && !status.is_null());
    Meta {
        generation: metadata["generation"].as_i64().unwrap_or_default(),
        uid: metadata["uid"].as_str().unwrap_or_default().into(),
        origin: None,
        status: status.map(Value::to_string),
    }
}

/// A label of the object.
pub(crate) fn label<'a>(root: &Field<'a>, name: &str) -> Option<&'a str> {
    root.value()["metadata"]["labels"][name].as_str()
}

/// An annotation of the object. Its place is that of all annotations with its name in brackets, since its
/// name has dots.
pub(crate) fn annotation<'a>(root: &Field<'a>, name: &str) -> Option<Field<'a>> {
    root.get("metadata")?.get("annotations")?.get_quoted(name)
}

/// `metadata.creationTimestamp` in seconds since 1970; one that cannot be read counts as absent.
pub(crate) fn created(root: &Field<'_>) -> Option<i64> {
    let text = root.value()["metadata"]["creationTimestamp"].as_str()?;
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

//! The backends of a rule.

use super::filter;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use heddle_model::ServiceKey;
use heddle_model::fact::BackendRef;

/// The meaning of a backend that cannot be used.
const BROKEN: &str = "its share of the requests is answered 500";

/// The largest weight of the Gateway API.
const HEAVIEST: u32 = 1_000_000;

/// The fields of a backend.
const FIELDS: [&str; 7] = ["group", "kind", "namespace", "name", "port", "weight", "filters"];

/// The backends of a rule, in the order written.
pub(super) fn all(rule: &Field<'_>, notes: &mut Diagnostics) -> Vec<BackendRef> {
    let list = rule.get("backendRefs").map(|list| list.list());
    let list = list.and_then(|list| notes.take(list, "all requests are answered 500")).unwrap_or_default();
    list.iter().map(|place| one(place, notes)).collect()
}

/// A weight that cannot be read is 1, and its backend is broken.
fn one(place: &Field<'_>, notes: &mut Diagnostics) -> BackendRef {
    let known = notes.take(place.only(&FIELDS), BROKEN);
    let weight = place.get("weight").map_or(Ok(1), |weight| weight.number(0..=HEAVIEST));
    let weight = notes.take(weight, BROKEN);
    let changes = notes.take(filter::all(place), BROKEN);
    let target = target(place, notes).map_err(|wrong| {
        let (reason, message) = (wrong.reason, wrong.message.clone());
        notes.wrong(wrong, BROKEN);
        (reason, message)
    });
    let broken = known.is_none() || weight.is_none() || changes.is_none();
    let changes = changes.unwrap_or_default();
    BackendRef {
        target,
        weight: weight.unwrap_or(1),
        request_headers: changes.request,
        response_headers: changes.response,
        broken,
    }
}

/// The Service and port that are meant. A mesh needs no grant for another namespace's (GEP-1294).
fn target(place: &Field<'_>, notes: &Diagnostics) -> Result<(ServiceKey, u16), FieldError> {
    let group = place.get("group").map_or(Ok(""), |group| group.text())?;
    let kind = place.get("kind").map_or(Ok("Service"), |kind| kind.text())?;
    if !matches!((group, kind), ("" | "core", "Service")) {
        let message = format!("backend of kind {kind:?} of group {group:?} is not a Service");
        return Err(FieldError { field: place.path().into(), reason: "InvalidKind", message });
    }
    let name = place.need("name")?.name()?;
    let namespace = match place.get("namespace") {
        Some(namespace) => namespace.name()?.into(),
        None => notes.namespace(),
    };
    let Some(port) = place.get("port") else {
        let message = format!("backend {name} has no port");
        return Err(FieldError { field: place.path().into(), reason: "BackendNotFound", message });
    };
    Ok((ServiceKey::new(namespace, name), port.port()?))
}

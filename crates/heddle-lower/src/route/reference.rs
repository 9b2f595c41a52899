//! References to Services and their ports.

use crate::field::{Field, FieldError};
use heddle_model::{Name, ServiceKey};

/// The Service and port that are meant. A mesh needs no grant for another namespace's (GEP-1294).
///
/// # Errors
/// A reference that can never resolve, with the reason that the status of the route has.
pub(super) fn target(place: &Field<'_>, own: Name) -> Result<(ServiceKey, u16), FieldError> {
    let group = place.get("group").map_or(Ok(""), |group| group.text())?;
    let kind = place.get("kind").map_or(Ok("Service"), |kind| kind.text())?;
    if !matches!((group, kind), ("" | "core", "Service")) {
        let message = format!("backend of kind {kind:?} of group {group:?} is not a Service");
        return Err(FieldError { field: place.path().into(), reason: "InvalidKind", message });
    }
    let name = place.need("name")?.name()?;
    let namespace = match place.get("namespace") {
        Some(namespace) => namespace.name()?.into(),
        None => own,
    };
    let Some(port) = place.get("port") else {
        let message = format!("backend {name} has no port");
        return Err(FieldError { field: place.path().into(), reason: "BackendNotFound", message });
    };
    Ok((ServiceKey::new(namespace, name), port.port()?))
}

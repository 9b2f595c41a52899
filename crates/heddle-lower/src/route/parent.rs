//! Parents, as the author wrote them.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use heddle_model::report::ParentRef;

/// The group of Gateways, and of a parent that names none.
const GATEWAY: &str = "gateway.networking.k8s.io";

/// The group of Linkerd's parents.
const LINKERD: &str = "policy.linkerd.io";

/// Parents of every kind: which of them are there is for resolving to say.
pub(super) fn all(spec: &Field<'_>, notes: &mut Diagnostics) -> Vec<ParentRef> {
    let list = spec.get("parentRefs").map(|list| list.list());
    let list = list.and_then(|list| notes.take(list, "the route has no parents")).unwrap_or_default();
    let mut parents = Vec::new();
    for place in &list {
        if let Some(parent) = notes.take(parent(place), "it is not attached there") {
            notes.take(meant(place, &parent), "it is not attached there");
            parents.push(parent);
        }
    }
    parents
}

fn parent(place: &Field<'_>) -> Result<ParentRef, FieldError> {
    place.only(&["group", "kind", "namespace", "name", "sectionName", "port"])?;
    let text = |field: &str| place.get(field).map(|text| text.text().map(String::from)).transpose();
    Ok(ParentRef {
        name: place.need("name")?.name()?.into(),
        group: text("group")?,
        kind: text("kind")?,
        namespace: text("namespace")?,
        section_name: text("sectionName")?,
        port: place.get("port").map(|port| port.port()).transpose()?,
    })
}

/// Refuses a parent that nobody can have meant: its group or its kind is that of a Service or of Linkerd's parents,
/// and the other is not. A parent of any other kind is another implementation's.
fn meant(place: &Field<'_>, parent: &ParentRef) -> Result<(), FieldError> {
    let (group, kind) = (parent.group.as_deref(), parent.kind.as_deref());
    let shown = |word: Option<&str>, unset: &str| match word {
        Some(word) => format!("is {word:?}"),
        None => format!("is not set, which means {unset:?}"),
    };
    let (field, message) = match (group, kind) {
        (Some("" | "core"), Some("Service"))
        | (Some(LINKERD), Some("Server" | "EgressNetwork"))
        | (None | Some(GATEWAY), None | Some("Gateway" | "ListenerSet" | "XListenerSet")) => return Ok(()),
        (_, Some("Service")) => (
            "group",
            format!("the group of Service {} {}: add group: \"\"", parent.name, shown(group, GATEWAY)),
        ),
        (Some("" | "core"), _) => (
            "kind",
            format!("the kind of {} {}: a Service wants kind: Service", parent.name, shown(kind, "Gateway")),
        ),
        (_, Some("Server" | "EgressNetwork")) => {
            ("group", format!("the group of {} {}: add group: {LINKERD}", parent.name, shown(group, GATEWAY)))
        }
        (Some(LINKERD), _) => (
            "kind",
            format!("the kind of {} {}: want Server or EgressNetwork", parent.name, shown(kind, "Gateway")),
        ),
        _ => return Ok(()),
    };
    let field = format!("{}.{field}", place.path());
    Err(FieldError { field, reason: "NoMatchingParent", message })
}

//! Parents, as the author wrote them.

use crate::notes::Notes;
use crate::place::{Place, Wrong};
use heddle_model::report::ParentRef;

/// Parents of every kind: which of them mean a Service is for resolving to say.
pub(super) fn all(spec: &Place<'_>, notes: &mut Notes) -> Vec<ParentRef> {
    let list = spec.get("parentRefs").map(|list| list.list());
    let list = list.and_then(|list| notes.take(list, "the route has no parents")).unwrap_or_default();
    notes.take_all(list.iter().map(parent), "it is not attached there")
}

fn parent(place: &Place<'_>) -> Result<ParentRef, Wrong> {
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

//! ReferenceGrants, as far as they let Services have Pods of another namespace as endpoints.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use heddle_model::Name;
use heddle_model::fact::{GrantedPods, PodGrant};
use std::collections::BTreeSet;

/// A part that cannot be read grants nothing; parts about other kinds belong to others.
pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<PodGrant, FieldError> {
    let spec = root.need("spec")?;
    spec.object()?;
    let mut items = |field: &str| {
        let list = spec.need(field).and_then(|list| list.list());
        notes.take(list, "nothing is granted").unwrap_or_default()
    };
    let (from, to) = (items("from"), items("to"));
    let from = from.iter().map(service_namespace).filter_map(Result::transpose);
    let from: BTreeSet<Name> = notes.take_all(from, "nothing is granted by it").into_iter().collect();
    let to = to.iter().map(pods).filter_map(Result::transpose);
    let pods = notes.take_all(to, "nothing is granted by it").into_iter().reduce(both).unwrap_or_default();
    Ok(PodGrant { from, pods })
}

/// The namespace whose Services may refer; `None` where it speaks of another kind.
fn service_namespace(from: &Field<'_>) -> Result<Option<Name>, FieldError> {
    if !is_core(from, "Service")? {
        return Ok(None);
    }
    Ok(Some(from.need("namespace")?.name()?.into()))
}

/// The Pods that may be referred to; `None` where it speaks of another kind.
fn pods(to: &Field<'_>) -> Result<Option<GrantedPods>, FieldError> {
    if !is_core(to, "Pod")? {
        return Ok(None);
    }
    let name = to.get("name").map(|name| name.name()).transpose()?;
    Ok(Some(name.map_or(GrantedPods::All, |name| GrantedPods::Named([Name::from(name)].into()))))
}

fn is_core(place: &Field<'_>, kind: &str) -> Result<bool, FieldError> {
    Ok(place.need("group")?.text()?.is_empty() && place.need("kind")?.text()? == kind)
}

fn both(one: GrantedPods, other: GrantedPods) -> GrantedPods {
    match (one, other) {
        (GrantedPods::Named(mut names), GrantedPods::Named(more)) => {
            names.extend(more);
            GrantedPods::Named(names)
        }
        (GrantedPods::All, _) | (_, GrantedPods::All) => GrantedPods::All,
    }
}

//! Filters of a rule or of a backend.

use super::matcher::header_name;
use crate::field::{Field, FieldError};
use heddle_model::Name;
use heddle_model::http::HeaderChange;
use std::collections::BTreeSet;

/// The changes that the filters of one rule or backend make.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) request: HeaderChange,
    pub(super) response: HeaderChange,
}

/// The filters of `owner`.
///
/// # Errors
/// One that is not supported, not readable, or there twice: it must not be skipped (Gateway API
/// `HTTPRouteFilter`).
pub(super) fn all(owner: &Field<'_>) -> Result<Changes, FieldError> {
    let mut changes = Changes::default();
    let mut seen = BTreeSet::new();
    let filters = owner.get("filters").map_or(Ok(Vec::new()), |filters| filters.list())?;
    for filter in filters {
        let kind = filter.need("type")?;
        let change = match kind.text()? {
            "RequestHeaderModifier" => &mut changes.request,
            "ResponseHeaderModifier" => &mut changes.response,
            _ => return Err(kind.unsupported(format!("filter {} is not supported", kind.shown()))),
        };
        if !seen.insert(kind.text()?) {
            let message = format!("filter {} is there twice", kind.shown());
            return Err(FieldError { field: kind.path().into(), reason: "IncompatibleFilters", message });
        }
        let body = match kind.text()? {
            "RequestHeaderModifier" => body(&filter, "requestHeaderModifier")?,
            _ => body(&filter, "responseHeaderModifier")?,
        };
        *change = header_change(&body)?;
    }
    Ok(changes)
}

/// The one field that a filter has beside its type.
fn body<'a>(filter: &Field<'a>, field: &str) -> Result<Field<'a>, FieldError> {
    filter.only(&["type", field])?;
    filter.need(field)
}

fn header_change(place: &Field<'_>) -> Result<HeaderChange, FieldError> {
    place.only(&["set", "add", "remove"])?;
    let list = |field: &str| place.get(field).map_or(Ok(Vec::new()), |list| list.list());
    let remove = list("remove")?.iter().map(changed_name).collect::<Result<BTreeSet<_>, _>>()?;
    Ok(HeaderChange {
        set: headers(&list("set")?)?,
        add: headers(&list("add")?)?,
        remove: remove.into_iter().collect(),
    })
}

/// Headers with values; of equal names the first counts.
fn headers(list: &[Field<'_>]) -> Result<Vec<(Name, Name)>, FieldError> {
    let mut headers: Vec<(Name, Name)> = Vec::new();
    for place in list {
        place.only(&["name", "value"])?;
        let name = changed_name(&place.need("name")?)?;
        let value = place.need("value")?;
        let text = value.text()?;
        if text.len() > 4096 || text.contains(|c: char| c.is_control()) {
            return Err(value.wrong(format!("{} is not the value of a header", value.shown())));
        }
        if headers.iter().all(|(known, _)| *known != name) {
            headers.push((name, text.into()));
        }
    }
    Ok(headers)
}

/// Returns which host is called is not a matter of headers (Gateway API has `URLRewrite` for it), and Envoy refuses a
/// whole route table that changes it so.
fn changed_name(place: &Field<'_>) -> Result<Name, FieldError> {
    let name = header_name(place)?;
    if &*name == "host" {
        return Err(place.unsupported("header host cannot be changed"));
    }
    Ok(name)
}

//! Conditions of a ServiceProfile's routes, as alternatives that a route can match.

use crate::field::{Field, FieldError};
use crate::route::regex;
use heddle_model::http::{HttpMatch, PathMatch};

/// The most alternatives that one condition may come to: nested ones multiply.
const MOST: usize = 64;

/// The depth to which conditions may lie within each other.
const DEEPEST: usize = 8;

/// The alternatives of a condition; each of its parts must hold.
pub(super) fn matches(condition: &Field<'_>) -> Result<Vec<HttpMatch>, FieldError> {
    let found = within(condition, 0)?;
    if found.is_empty() { Err(condition.unsupported("nothing can match it")) } else { Ok(found) }
}

fn within(place: &Field<'_>, depth: usize) -> Result<Vec<HttpMatch>, FieldError> {
    if let Some(not) = place.get("not") {
        return Err(not.unsupported("a route cannot match what something is not"));
    }
    place.only(&["pathRegex", "method", "all", "any"])?;
    if depth > DEEPEST {
        return Err(place.unsupported(format!("conditions lie more than {DEEPEST} deep within each other")));
    }
    let mut found = vec![HttpMatch::default()];
    if let Some(text) = place.get("pathRegex") {
        let path = Some(path(&text)?);
        found = both(place, &found, &[HttpMatch { path, ..HttpMatch::default() }])?;
    }
    if let Some(text) = place.get("method") {
        let method = Some(text.name()?.to_ascii_uppercase().into());
        found = both(place, &found, &[HttpMatch { method, ..HttpMatch::default() }])?;
    }
    for part in list(place, "all")? {
        found = both(place, &found, &within(&part, depth + 1)?)?;
    }
    if place.get("any").is_some() {
        let mut any = Vec::new();
        for part in list(place, "any")? {
            any.extend(within(&part, depth + 1)?);
        }
        found = both(place, &found, &any)?;
    }
    Ok(found)
}

fn list<'a>(place: &Field<'a>, field: &str) -> Result<Vec<Field<'a>>, FieldError> {
    place.get(field).map_or(Ok(Vec::new()), |list| list.list())
}

/// The expression matches whole paths. One without anything but letters is plain text.
fn path(place: &Field<'_>) -> Result<PathMatch, FieldError> {
    let text = place.name()?;
    let plain =
        text.starts_with('/') && text.chars().all(|c| c.is_ascii_alphanumeric() || "/-_~".contains(c));
    if plain { Ok(PathMatch::Exact(text.into())) } else { regex(place, text).map(PathMatch::Regex) }
}

/// Returns what matches one of each.
fn both(place: &Field<'_>, left: &[HttpMatch], right: &[HttpMatch]) -> Result<Vec<HttpMatch>, FieldError> {
    if left.len().saturating_mul(right.len()) > MOST {
        return Err(place.unsupported(format!("it comes to more than {MOST} alternatives")));
    }
    let mut found = Vec::new();
    for (a, b) in left.iter().flat_map(|a| right.iter().map(move |b| (a, b))) {
        let path = match (&a.path, &b.path) {
            (Some(a), Some(b)) if a != b => return Err(place.unsupported("two expressions for one path")),
            (a, b) => a.clone().or_else(|| b.clone()),
        };
        match (&a.method, &b.method) {
            (Some(a), Some(b)) if a != b => {}
            (a, b) => {
                let method = a.clone().or_else(|| b.clone());
                found.push(HttpMatch { path, method, ..HttpMatch::default() });
            }
        }
    }
    Ok(found)
}

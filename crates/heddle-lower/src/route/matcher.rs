//! The matches of a rule.

use super::BROKEN;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::regex;
use heddle_model::Name;
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};

/// The matches of a rule, and whether all of each could be read.
///
/// What cannot be read is left out of its match, so that what the match may have meant gets the rule's 500
/// and no other rule's answer.
pub(super) fn all(
    rule: &Field<'_>,
    one: fn(&Field<'_>, &mut Diagnostics) -> (HttpMatch, bool),
    notes: &mut Diagnostics,
) -> (Vec<HttpMatch>, bool) {
    let list = rule.get("matches").map_or(Ok(Vec::new()), |matches| matches.list());
    let Some(list) = notes.take_or_answer(list, BROKEN) else { return (vec![HttpMatch::default()], false) };
    if list.is_empty() {
        return (vec![HttpMatch::default()], true);
    }
    let read: Vec<(HttpMatch, bool)> = list.iter().map(|place| one(place, notes)).collect();
    let whole = read.iter().all(|(_, whole)| *whole);
    (read.into_iter().map(|(found, _)| found).collect(), whole)
}

/// A match of requests, and whether all of it could be read.
pub(super) fn one(place: &Field<'_>, notes: &mut Diagnostics) -> (HttpMatch, bool) {
    let known = notes.take_or_answer(place.only(&["path", "method", "headers", "queryParams"]), BROKEN);
    let (path, path_is_whole) = match place.get("path").map_or(Ok(None), |path| self::path(&path)) {
        Ok(path) => (path, true),
        Err(BadPath { wrong, meant }) => {
            notes.answers(wrong, BROKEN);
            (meant, false)
        }
    };
    let method =
        notes.take_or_answer(place.get("method").map(|method| self::method(&method)).transpose(), BROKEN);
    let headers = keys(place.get("headers"), header_name, notes);
    let query = keys(place.get("queryParams"), query_name, notes);
    let whole = known.is_some() && path_is_whole && method.is_some() && headers.1 && query.1;
    let method = method.flatten();
    (HttpMatch { path, method, headers: headers.0, query: query.0 }, whole)
}

/// A condition on a path that cannot be honoured.
struct BadPath {
    wrong: FieldError,
    /// The requests that it may have meant; `None` is all.
    meant: Option<PathMatch>,
}

impl From<FieldError> for BadPath {
    fn from(wrong: FieldError) -> Self {
        Self { wrong, meant: None }
    }
}

/// Unset, and prefix `/`, match every path.
fn path(place: &Field<'_>) -> Result<Option<PathMatch>, BadPath> {
    place.only(&["type", "value"])?;
    let value = place.get("value");
    let text = value.as_ref().map_or(Ok("/"), |value| value.text())?;
    let value = value.as_ref().unwrap_or(place);
    let kind = place.get("type").map_or(Ok("PathPrefix"), |kind| match kind.text()? {
        known @ ("Exact" | "PathPrefix" | "RegularExpression") => Ok(known),
        _ => {
            Err(kind.unsupported(format!("{} is none of Exact, PathPrefix, RegularExpression", kind.shown())))
        }
    })?;
    if kind == "RegularExpression" {
        return Ok(Some(PathMatch::Regex(regex(value, text)?)));
    }
    if let Some(fault) = fault(kind, text) {
        let wrong = value.wrong(format!("{} {fault}", value.shown()));
        return Err(BadPath { wrong, meant: meant(kind, text) });
    }
    Ok(match (kind, prefix(text)) {
        ("Exact", _) => Some(PathMatch::Exact(text.into())),
        (_, PathMatch::Prefix(prefix)) if prefix.is_empty() => None,
        (_, prefix) => Some(prefix),
    })
}

/// Returns why no request has such a path, or an Envoy refuses to compare it, with all its neighbours in the table.
fn fault(kind: &str, text: &str) -> Option<&'static str> {
    if !text.starts_with('/') || text.contains(['?', '#']) {
        return Some("is not a path from / without query");
    }
    if text.len() > 1024 {
        return Some("is longer than 1024 bytes");
    }
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Some("has a character that no path has as it is; write it as an escape");
    }
    let ends_twice = kind == "PathPrefix" && text.len() > 1 && text.ends_with("//");
    ends_twice.then_some("ends with two slashes; use type Exact, or a prefix with one")
}

/// Returns the requests that such a path may have meant: those of its readable start, without slashes at the end.
fn meant(kind: &str, text: &str) -> Option<PathMatch> {
    let end = text.find(|c: char| !c.is_ascii_graphic() || c == '?' || c == '#').unwrap_or(text.len());
    let (start, rest) = text.split_at(end);
    let whole = rest.is_empty() || rest.starts_with(['?', '#']);
    let start = if whole { start } else { start.rsplit_once('/').map_or("", |(elements, _)| elements) };
    let path = format!("/{}", start.trim_matches('/'));
    match kind {
        _ if path == "/" || path.len() > 1024 => None,
        "Exact" if whole => Some(PathMatch::Exact(path.into())),
        _ => Some(PathMatch::Prefix(path.into())),
    }
}

/// The prefix `text` without its trailing slash, which Gateway API ignores.
pub(crate) fn prefix(text: &str) -> PathMatch {
    PathMatch::Prefix(text.strip_suffix('/').unwrap_or(text).into())
}

fn method(place: &Field<'_>) -> Result<Name, FieldError> {
    let text = place.text()?;
    if !text.is_empty() && text.len() <= 32 && text.chars().all(|c| c.is_ascii_uppercase()) {
        return Ok(text.into());
    }
    Err(place.unsupported(format!("{} is not a method in upper case", place.shown())))
}

/// Conditions on headers or query parameters, and whether all could be read. Of equal names the first counts.
pub(super) fn keys(
    list: Option<Field<'_>>,
    name: fn(&Field<'_>) -> Result<Name, FieldError>,
    notes: &mut Diagnostics,
) -> (Vec<KeyMatch>, bool) {
    let Some(list) = list else { return (Vec::new(), true) };
    let Some(list) = notes.take_or_answer(list.list(), BROKEN) else { return (Vec::new(), false) };
    let mut keys: Vec<KeyMatch> = Vec::new();
    let mut whole = true;
    for place in list {
        match notes.take_or_answer(key(&place, name), BROKEN) {
            Some(found) if keys.iter().any(|known| known.name == found.name) => {}
            Some(found) => keys.push(found),
            None => whole = false,
        }
    }
    (keys, whole)
}

fn key(place: &Field<'_>, name: fn(&Field<'_>) -> Result<Name, FieldError>) -> Result<KeyMatch, FieldError> {
    place.only(&["name", "type", "value"])?;
    let name = name(&place.need("name")?)?;
    let value = place.need("value")?;
    let text = value.text()?;
    if text.contains(|c: char| c.is_control()) {
        return Err(value.wrong(format!("{} has a control character", value.shown())));
    }
    let value = match place.get("type") {
        None => ValueMatch::Exact(text.into()),
        Some(kind) => match kind.text()? {
            "Exact" => ValueMatch::Exact(text.into()),
            "RegularExpression" => ValueMatch::Regex(regex(&value, text)?),
            _ => {
                return Err(kind.unsupported(format!("{} is none of Exact, RegularExpression", kind.shown())));
            }
        },
    };
    Ok(KeyMatch { name, value })
}

/// The name of a header (RFC 9110 token), in lower case.
pub(crate) fn header_name(place: &Field<'_>) -> Result<Name, FieldError> {
    let text = place.text()?;
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if !text.is_empty() && text.len() <= 256 && text.chars().all(token) {
        return Ok(text.to_ascii_lowercase().into());
    }
    Err(place.wrong(format!("{} is not the name of a header", place.shown())))
}

fn query_name(place: &Field<'_>) -> Result<Name, FieldError> {
    let text = place.name()?;
    if text.len() <= 256 && !text.contains(|c: char| c.is_control()) {
        return Ok(text.into());
    }
    Err(place.wrong(format!("{} is not the name of a query parameter", place.shown())))
}

/// A regular expression that every proxy reads alike.
pub(crate) fn regex(place: &Field<'_>, text: &str) -> Result<Name, FieldError> {
    let shown = place.shown();
    regex::check(text).map(|()| text.into()).map_err(|why| {
        place.unsupported(format!("{shown} is not a regular expression that proxies take: {why}"))
    })
}

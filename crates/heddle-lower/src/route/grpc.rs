//! Matches of calls: a call is a request to the path `/service/method`.

use super::BROKEN;
use super::matcher::{header_name, keys, regex};
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use heddle_model::Name;
use heddle_model::http::{HttpMatch, PathMatch};

/// Any service or method, as an expression.
const ANY: &str = "[^/]+";

/// A match of calls, and whether all of it could be read.
pub(super) fn one(place: &Field<'_>, notes: &mut Diagnostics) -> (HttpMatch, bool) {
    let known = notes.take_or_answer(place.only(&["method", "headers"]), BROKEN);
    let path = notes.take_or_answer(place.get("method").map_or(Ok(None), |method| path(&method)), BROKEN);
    let (headers, whole) = keys(place.get("headers"), header_name, notes);
    let whole = known.is_some() && path.is_some() && whole;
    (HttpMatch { path: path.flatten(), headers, ..HttpMatch::default() }, whole)
}

/// The path of a method of a service; `None` where neither is stated.
///
/// An exact method of any service is an expression too, as nothing else matches the end of a path: what names a method has
/// letters, digits and underscores only, which mean themselves.
fn path(place: &Field<'_>) -> Result<Option<PathMatch>, FieldError> {
    place.only(&["type", "service", "method"])?;
    let kind = place.get("type").map_or(Ok("Exact"), |kind| match kind.text()? {
        known @ ("Exact" | "RegularExpression") => Ok(known),
        _ => Err(kind.unsupported(format!("{} is none of Exact, RegularExpression", kind.shown()))),
    })?;
    let (service, method) = (place.get("service"), place.get("method"));
    if kind == "RegularExpression" {
        let either = |part: &Option<Field<'_>>| part.as_ref().map_or(Ok(ANY.into()), expression);
        return match (&service, &method) {
            (None, None) => Ok(None),
            _ => Ok(Some(PathMatch::Regex(
                format!("/{}/{}", either(&service)?, either(&method)?).as_str().into(),
            ))),
        };
    }
    let service = service.as_ref().map(|service| name(service, "service", true)).transpose()?;
    let method = method.as_ref().map(|method| name(method, "method", false)).transpose()?;
    Ok(match (service, method) {
        (Some(service), Some(method)) => {
            Some(PathMatch::Exact(format!("/{service}/{method}").as_str().into()))
        }
        (Some(service), None) => Some(PathMatch::Prefix(format!("/{service}").as_str().into())),
        (None, Some(method)) => Some(PathMatch::Regex(format!("/{ANY}/{method}").as_str().into())),
        (None, None) => None,
    })
}

/// An expression as one part of a path.
fn expression(place: &Field<'_>) -> Result<Name, FieldError> {
    let text = place.name()?;
    regex(place, text)?;
    Ok(format!("(?:{text})").as_str().into())
}

/// The name of a service, whose parts are joined by dots, or of a method (`GRPCMethodMatch`).
fn name<'a>(place: &Field<'a>, what: &str, dotted: bool) -> Result<&'a str, FieldError> {
    let text = place.name()?;
    let part = |part: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        part.bytes().all(inner) && part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    };
    let is_name = if dotted { text.split('.').all(part) } else { part(text) };
    if text.len() > 1024 || !is_name {
        return Err(place.wrong(format!("{} is not the name of a {what}", place.shown())));
    }
    Ok(text)
}

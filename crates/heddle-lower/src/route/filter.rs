//! Filters of a rule or of a backend.

use super::matcher::header_name;
use super::mirror;
use crate::field::{Field, FieldError};
use heddle_model::Name;
use heddle_model::fact::MirrorRef;
use heddle_model::http::{Filters, HeaderChange, HttpMatch, PathChange, PathMatch, Redirect, Scheme};
use std::collections::BTreeSet;

const REDIRECT: &str = "RequestRedirect";
const REWRITE: &str = "URLRewrite";
const MIRROR: &str = "RequestMirror";

/// The content of the filters of one rule or backend.
#[derive(Default)]
pub(super) struct All {
    pub(super) filters: Filters,
    pub(super) redirect: Option<Redirect>,
    pub(super) mirrors: Vec<MirrorRef>,
}

/// The owner of filters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner<'a> {
    /// A rule with these matches.
    Rule(&'a [HttpMatch]),
    /// A rule about calls, which are neither redirected nor rewritten (`GRPCRouteFilter`).
    Calls,
    /// A backend: what a proxy does before it chooses one, none can have for itself.
    Backend,
}

/// The filters of `place`.
///
/// # Errors
/// One that is not supported, not readable, or there twice: it must not be skipped (Gateway API
/// `HTTPRouteFilter`).
pub(super) fn all(place: &Field<'_>, owner: Owner<'_>, namespace: &Name) -> Result<All, FieldError> {
    let mut all = All::default();
    let mut seen = BTreeSet::new();
    let filters = place.get("filters").map_or(Ok(Vec::new()), |filters| filters.list())?;
    for filter in &filters {
        let kind = filter.need("type")?;
        let word = kind.text()?;
        if word != MIRROR && !seen.insert(word) {
            return Err(incompatible(&kind, format!("filter {} is there twice", kind.shown())));
        }
        match (word, owner) {
            ("RequestHeaderModifier", _) => {
                all.filters.request = header_change(&body(filter, "requestHeaderModifier")?)?;
            }
            ("ResponseHeaderModifier", _) => {
                all.filters.response = header_change(&body(filter, "responseHeaderModifier")?)?;
            }
            (REWRITE, Owner::Rule(_) | Owner::Backend) => {
                rewrite(&body(filter, "urlRewrite")?, owner, &mut all.filters)?
            }
            (REDIRECT, Owner::Rule(matches)) => {
                all.redirect = Some(redirect(&body(filter, "requestRedirect")?, matches)?);
            }
            (MIRROR, Owner::Rule(_) | Owner::Calls) => {
                all.mirrors.push(mirror::one(&body(filter, "requestMirror")?, namespace)?);
            }
            (REDIRECT | MIRROR, Owner::Backend) => {
                let message =
                    format!("filter {} is not supported for one backend, only for a rule", kind.shown());
                return Err(kind.unsupported(message));
            }
            _ => return Err(kind.unsupported(format!("filter {} is not supported", kind.shown()))),
        }
    }
    if seen.contains(REDIRECT) && (seen.contains(REWRITE) || place.get("backendRefs").is_some_and(is_list)) {
        let message =
            "a redirect answers in place of every backend: it goes with neither URLRewrite nor backendRefs";
        return Err(incompatible(&place.need("filters")?, message.into()));
    }
    Ok(all)
}

fn is_list(backends: Field<'_>) -> bool {
    backends.value().as_array().is_some_and(|all| !all.is_empty())
}

fn incompatible(place: &Field<'_>, message: String) -> FieldError {
    FieldError { field: place.path().into(), reason: "IncompatibleFilters", message }
}

fn rewrite(place: &Field<'_>, owner: Owner<'_>, filters: &mut Filters) -> Result<(), FieldError> {
    place.only(&["hostname", "path"])?;
    filters.host = place.get("hostname").map(|host| host_name(&host)).transpose()?;
    filters.path = match (place.get("path"), owner) {
        (None, _) => None,
        (Some(path), Owner::Rule(matches)) => Some(path_change(&path, matches)?),
        (Some(path), Owner::Backend | Owner::Calls) => {
            return Err(path.unsupported("a path is not rewritten for one backend, only for a rule"));
        }
    };
    Ok(())
}

/// A redirect. Without `statusCode` it is 302.
fn redirect(place: &Field<'_>, matches: &[HttpMatch]) -> Result<Redirect, FieldError> {
    place.only(&["scheme", "hostname", "path", "port", "statusCode"])?;
    let scheme = |scheme: Field<'_>| match scheme.text()? {
        "http" => Ok(Scheme::Http),
        "https" => Ok(Scheme::Https),
        _ => Err(scheme.unsupported(format!("{} is none of http, https", scheme.shown()))),
    };
    let status = |status: Field<'_>| match status.value().as_u64() {
        Some(301) => Ok(301),
        Some(302) => Ok(302),
        Some(303) => Ok(303),
        Some(307) => Ok(307),
        Some(308) => Ok(308),
        Some(_) | None => {
            Err(status.unsupported(format!("{} is none of 301, 302, 303, 307, 308", status.shown())))
        }
    };
    Ok(Redirect {
        scheme: place.get("scheme").map(scheme).transpose()?,
        host: place.get("hostname").map(|host| host_name(&host)).transpose()?,
        port: place.get("port").map(|port| port.port()).transpose()?,
        path: place.get("path").map(|path| path_change(&path, matches)).transpose()?,
        status: place.get("statusCode").map_or(Ok(302), status)?,
    })
}

/// A host name without wildcard and port (`PreciseHostname`).
fn host_name(place: &Field<'_>) -> Result<Name, FieldError> {
    let text = place.text()?;
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    if text.len() > 253 || !text.split('.').all(label) {
        return Err(place.wrong(format!("{} is not a host name in lower case", place.shown())));
    }
    Ok(text.into())
}

/// A change of the path. A prefix is replaced only where the rule has one match, by prefix (`HTTPPathModifier`).
fn path_change(place: &Field<'_>, matches: &[HttpMatch]) -> Result<PathChange, FieldError> {
    let kind = place.need("type")?;
    match kind.text()? {
        "ReplaceFullPath" => {
            place.only(&["type", "replaceFullPath"])?;
            let path = new_path(&place.need("replaceFullPath")?)?;
            Ok(PathChange::Full(if path.is_empty() { "/".into() } else { path.into() }))
        }
        "ReplacePrefixMatch" => {
            place.only(&["type", "replacePrefixMatch"])?;
            let with = new_path(&place.need("replacePrefixMatch")?)?.trim_end_matches('/').into();
            match matches {
                [HttpMatch { path: None, .. }] => Ok(PathChange::Prefix { of: "".into(), with }),
                [HttpMatch { path: Some(PathMatch::Prefix(of)), .. }] => {
                    Ok(PathChange::Prefix { of: of.clone(), with })
                }
                _ => {
                    Err(place
                        .wrong("ReplacePrefixMatch wants exactly one match, with a path of type PathPrefix"))
                }
            }
        }
        _ => {
            let message = format!("{} is none of ReplaceFullPath, ReplacePrefixMatch", kind.shown());
            Err(kind.unsupported(message))
        }
    }
}

/// A path that a proxy writes as it is: without query, and nothing that wants an escape.
fn new_path<'a>(place: &Field<'a>) -> Result<&'a str, FieldError> {
    let text = place.text()?;
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\\\"<>^`{|}".contains(&byte);
    let is_path =
        (text.is_empty() || text.starts_with('/')) && text.len() <= 1024 && text.bytes().all(is_plain);
    if !is_path || text.split('/').any(|element| matches!(element, "." | "..")) {
        return Err(place.wrong(format!("{} is not a path from / without query", place.shown())));
    }
    Ok(text)
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

//! HTTPRoutes (Gateway API v1.7, for meshes: GEP-1294).
//!
//! A part of a rule that cannot be honoured breaks the rule: what the rest of it matches is answered 500,
//! and never handed to another rule. A backend that cannot be used breaks its own share only.

mod backend;
mod filter;
mod matcher;
mod parent;
mod retry;
#[cfg(test)]
mod tests;

pub(crate) use matcher::{header_name, prefix};

use crate::notes::Notes;
use crate::place::{Place, UNSUPPORTED, Wrong};
use heddle_model::fact::{Route, RouteRule};
use heddle_model::http::HttpMatch;
use jiff::Timestamp;

/// What holds instead of a part of a rule that cannot be honoured.
const BROKEN: &str = "requests of this rule are answered 500";

pub(crate) fn lower(root: &Place<'_>, notes: &mut Notes) -> Result<Route<HttpMatch>, Wrong> {
    let spec = root.need("spec")?;
    spec.object()?;
    if let Some(hostnames) = spec.get("hostnames") {
        let message = "a mesh route matches by the destination that was dialled".into();
        let wrong = Wrong { field: hostnames.path().into(), reason: UNSUPPORTED, message };
        notes.wrong(wrong, "hostnames are ignored");
    }
    let created = root.value()["metadata"]["creationTimestamp"].as_str();
    let created = created.and_then(|text| text.parse::<Timestamp>().ok());
    Ok(Route {
        parents: parent::all(&spec, notes),
        rules: rules(&spec, notes)?,
        created: created.map(Timestamp::as_second),
    })
}

/// Without `rules` there is one with all defaults, as the API server writes it.
fn rules(spec: &Place<'_>, notes: &mut Notes) -> Result<Vec<RouteRule<HttpMatch>>, Wrong> {
    let Some(rules) = spec.get("rules") else { return Ok(vec![empty_rule(false)]) };
    Ok(rules.list()?.iter().map(|place| rule(place, notes)).collect())
}

fn empty_rule(broken: bool) -> RouteRule<HttpMatch> {
    RouteRule {
        matches: vec![HttpMatch::default()],
        request_headers: Default::default(),
        response_headers: Default::default(),
        backends: Vec::new(),
        request_timeout: None,
        backend_timeout: None,
        retry: None,
        broken,
    }
}

fn rule(place: &Place<'_>, notes: &mut Notes) -> RouteRule<HttpMatch> {
    if notes.take(place.object(), BROKEN).is_none() {
        return empty_rule(true);
    }
    if let Some(persistence) = place.get("sessionPersistence") {
        notes.wrong(persistence.unsupported("session persistence is not supported"), "it is ignored");
    }
    let (matches, whole) = matcher::all(place, notes);
    let changes = notes.take(filter::all(place), BROKEN);
    let timeouts = notes.take(retry::timeouts(place), BROKEN);
    let retry = notes.take(retry::retry(place), BROKEN);
    let broken = !whole || changes.is_none() || timeouts.is_none() || retry.is_none();
    let changes = changes.unwrap_or_default();
    let timeouts = timeouts.unwrap_or_default();
    RouteRule {
        matches,
        request_headers: changes.request,
        response_headers: changes.response,
        backends: backend::all(place, notes),
        request_timeout: timeouts.request,
        backend_timeout: timeouts.backend,
        retry: retry.flatten(),
        broken,
    }
}

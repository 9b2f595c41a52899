//! HTTPRoutes and GRPCRoutes (Gateway API v1.7, for meshes: GEP-1294).
//!
//! A part of a rule that cannot be honoured breaks the rule: what the rest of it matches is answered 500 (503 by a GRPCRoute),
//! and never handed to another rule. A backend that cannot be used breaks its own share only.

mod backend;
mod filter;
mod grpc;
mod matcher;
mod mirror;
mod parent;
mod reference;
mod retry;
#[cfg(test)]
mod tests;

pub(crate) use matcher::{header_name, prefix, regex};

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError, UNSUPPORTED};
use crate::linkerd::annotation;
use crate::meta;
use filter::Owner;
use heddle_model::fact::{Route, RouteRule};
use heddle_model::http::HttpMatch;
use heddle_model::route::RouteDefaults;

/// The requests that are answered for a part of a rule that cannot be honoured.
const BROKEN: &str = "requests of this rule are";
/// The requests that are answered for a part of a route on which every rule may depend.
const ALL_BROKEN: &str = "all requests of the route are";
/// The fields of a route's `spec`.
const FIELDS: [&str; 4] = ["parentRefs", "hostnames", "rules", "useDefaultGateways"];

/// The fields of a rule.
const RULE_FIELDS: [&str; 7] =
    ["name", "matches", "filters", "backendRefs", "timeouts", "retry", "sessionPersistence"];

/// The fields of a rule about calls of methods.
const GRPC_RULE_FIELDS: [&str; 5] = ["name", "matches", "filters", "backendRefs", "sessionPersistence"];

/// The form of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An HTTPRoute of the Gateway API.
    Http,
    /// A GRPCRoute: calls are requests to paths `/service/method`.
    Grpc,
    /// An HTTPRoute of Linkerd's: a rule without backends sends requests on to the port that was dialled.
    Linkerd,
}

pub(crate) fn lower(
    root: &Field<'_>,
    form: Form,
    notes: &mut Diagnostics,
) -> Result<Route<HttpMatch>, FieldError> {
    let spec = root.need("spec")?;
    spec.object()?;
    let known = notes.take_or_answer(spec.only(&FIELDS), ALL_BROKEN);
    if let Some(hostnames) = spec.get("hostnames") {
        let message = "a mesh route matches by the destination that was dialled".into();
        let wrong = FieldError { field: hostnames.path().into(), reason: UNSUPPORTED, message };
        notes.wrong(wrong, "hostnames are ignored");
    }
    let defaults = annotation::route_defaults(root, notes);
    let mut rules = rules(&spec, form, notes)?;
    for rule in &mut rules {
        rule.broken |= known.is_none();
        rule.own_endpoints = form == Form::Linkerd && rule.backends.is_empty() && !rule.broken;
        fill(rule, &defaults);
    }
    Ok(Route {
        parents: parent::all(&spec, notes),
        rules,
        unservable: unservable(&spec),
        created: meta::created(root),
    })
}

/// Fills in the annotations' values where the rule does not say. An attempt that may take longer than all of them has no limit
/// of its own.
fn fill(rule: &mut RouteRule<HttpMatch>, defaults: &RouteDefaults) {
    rule.request_timeout = rule.request_timeout.or(defaults.request_timeout);
    let longest = rule.request_timeout.filter(|longest| !longest.is_zero());
    let attempt = defaults.backend_timeout.filter(|attempt| longest.is_none_or(|most| *attempt <= most));
    rule.backend_timeout = rule.backend_timeout.or(attempt);
    rule.retry = rule.retry.take().or_else(|| defaults.retry.clone());
}

/// Returns what a route has that only a client's side can do: a server would have to take it for what it is not.
fn unservable(spec: &Field<'_>) -> Option<String> {
    if spec.get("hostnames").is_some() {
        return Some("hostnames are not supported at a Server".into());
    }
    let rules = spec.get("rules")?.list().ok()?;
    let has = |rule: &&Field<'_>| rule.value()["filters"].as_array().is_some_and(|all| !all.is_empty());
    let first = rules.iter().find(has)?;
    Some(format!("{}.filters are not supported at a Server", first.path()))
}

/// Without `rules` there is one with all defaults, as the API server writes it.
fn rules(
    spec: &Field<'_>,
    form: Form,
    notes: &mut Diagnostics,
) -> Result<Vec<RouteRule<HttpMatch>>, FieldError> {
    let Some(rules) = spec.get("rules") else { return Ok(vec![empty_rule(false)]) };
    Ok(rules.list()?.iter().map(|place| rule(place, form, notes)).collect())
}

fn empty_rule(broken: bool) -> RouteRule<HttpMatch> {
    RouteRule {
        matches: vec![HttpMatch::default()],
        filters: Default::default(),
        redirect: None,
        mirrors: Vec::new(),
        backends: Vec::new(),
        own_endpoints: false,
        request_timeout: None,
        backend_timeout: None,
        retry: None,
        broken,
    }
}

fn rule(place: &Field<'_>, form: Form, notes: &mut Diagnostics) -> RouteRule<HttpMatch> {
    if notes.take_or_answer(place.object(), BROKEN).is_none() {
        return empty_rule(true);
    }
    let fields = if form == Form::Grpc { &GRPC_RULE_FIELDS[..] } else { &RULE_FIELDS[..] };
    let known = notes.take_or_answer(place.only(fields), BROKEN);
    if let Some(persistence) = place.get("sessionPersistence") {
        notes.wrong(persistence.unsupported("session persistence is not supported"), "it is ignored");
    }
    let (matches, whole) = match form {
        Form::Http | Form::Linkerd => matcher::all(place, matcher::one, notes),
        Form::Grpc => matcher::all(place, grpc::one, notes),
    };
    let owner = if form == Form::Grpc { Owner::Calls } else { Owner::Rule(&matches) };
    let filters = notes.take_or_answer(filter::all(place, owner, &notes.namespace()), BROKEN);
    let timeouts = notes.take_or_answer(retry::timeouts(place), BROKEN);
    let retry = notes.take_or_answer(retry::retry(place), BROKEN);
    let broken = known.is_none() || !whole || filters.is_none() || timeouts.is_none() || retry.is_none();
    let filters = filters.unwrap_or_default();
    let timeouts = timeouts.unwrap_or_default();
    RouteRule {
        matches,
        filters: filters.filters,
        redirect: filters.redirect,
        mirrors: filters.mirrors,
        backends: backend::all(place, notes),
        own_endpoints: false,
        request_timeout: timeouts.request,
        backend_timeout: timeouts.backend,
        retry: retry.flatten(),
        broken,
    }
}

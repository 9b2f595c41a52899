//! ServiceProfiles, as routes of the Service that their names spell.
//!
//! A profile says how requests fare, not who may send them: a route of it that cannot be expressed is left out,
//! and its requests follow the others.

mod condition;
mod destination;

use super::duration::duration;
use super::retry::server_errors;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::meta;
use heddle_model::fact::{BackendRef, Route, RouteRule};
use heddle_model::http::HttpMatch;
use heddle_model::report::ParentRef;
use heddle_model::route::Retry;

/// One without routes and destinations is attached nowhere: it says nothing of requests.
pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<Route<HttpMatch>, FieldError> {
    let spec = root.need("spec")?;
    spec.object()?;
    notes.take(spec.only(&["routes", "retryBudget", "opaquePorts", "dstOverrides"]), "it is ignored");
    let parent = parent(&root.need("metadata")?.need("name")?)?;
    for field in ["retryBudget", "opaquePorts"] {
        if let Some(place) = spec.get(field) {
            notes.wrong(place.unsupported(format!("{field} is not supported")), "it is ignored");
        }
    }
    let backends = destination::all(&spec, notes);
    let list = spec.get("routes").map(|list| list.list());
    let list = list.and_then(|list| notes.take(list, "it has no routes")).unwrap_or_default();
    let mut rules: Vec<_> = list.iter().filter_map(|place| rule(place, &backends, notes)).collect();
    let says = !rules.is_empty() || !backends.is_empty();
    rules.push(plain(vec![HttpMatch::default()], &backends));
    Ok(Route {
        parents: if says { vec![parent] } else { Vec::new() },
        rules,
        unservable: Some("a ServiceProfile is for clients".into()),
        created: meta::created(root),
    })
}

/// The Service of a name `SERVICE.NAMESPACE.svc.CLUSTER-DOMAIN`.
fn parent(place: &Field<'_>) -> Result<ParentRef, FieldError> {
    let (name, namespace, _) = destination::service(place.name()?)
        .ok_or_else(|| place.wrong(format!("{} is not SERVICE.NAMESPACE.svc.DOMAIN", place.shown())))?;
    Ok(ParentRef {
        group: Some(String::new()),
        kind: Some("Service".into()),
        namespace: Some(namespace.into()),
        name: name.into(),
        section_name: None,
        port: None,
    })
}

fn rule(place: &Field<'_>, backends: &[BackendRef], notes: &mut Diagnostics) -> Option<RouteRule<HttpMatch>> {
    let known = place.only(&["name", "condition", "responseClasses", "isRetryable", "timeout"]);
    let matches = known.and_then(|()| condition::matches(&place.need("condition")?));
    let matches = notes.take(matches, "the route is left out, and its requests follow the others")?;
    if let Some(classes) = place.get("responseClasses") {
        notes.wrong(classes.unsupported("responses are classed by their status"), "it is ignored");
    }
    let timeout = place.get("timeout").filter(|text| text.value() != "");
    let timeout = timeout.map(|timeout| duration(&timeout)).transpose();
    let retries = place.get("isRetryable").map_or(Ok(false), |word| word.truth());
    let retries = notes.take(retries, "its requests are not tried again").unwrap_or(false);
    Some(RouteRule {
        request_timeout: notes.take(timeout, "there is no such limit").flatten(),
        retry: retries.then(|| Retry { attempts: 1, codes: server_errors(), backoff: None }),
        ..plain(matches, backends)
    })
}

fn plain(matches: Vec<HttpMatch>, backends: &[BackendRef]) -> RouteRule<HttpMatch> {
    RouteRule {
        matches,
        filters: Default::default(),
        redirect: None,
        mirrors: Vec::new(),
        backends: backends.to_vec(),
        own_endpoints: backends.is_empty(),
        request_timeout: None,
        backend_timeout: None,
        retry: None,
        broken: false,
    }
}

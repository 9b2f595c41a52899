//! Requests, as RBAC permissions.

use super::group;
use crate::route::matching;
use crate::xds;
use crate::xds::permission::{Rule, Set};
use heddle_model::Name;
use heddle_model::access::RequestMatch;
use heddle_model::http::{KeyMatch, PathMatch};
use heddle_model::path;

/// Everything.
pub(crate) fn any() -> xds::Permission {
    is(Rule::Any(true))
}

/// The requests that none of these groups of routes governs.
pub(crate) fn outside(tags: &[&str]) -> xds::Permission {
    if tags.is_empty() { any() } else { is(Rule::NotRule(Box::new(of_groups(tags)))) }
}

/// The requests that one of these groups of routes governs.
pub(crate) fn of_groups(tags: &[&str]) -> xds::Permission {
    is(Rule::SourcedMetadata(group::has_tag(tags)))
}

/// Any of the requests; every request where none is listed.
pub(crate) fn requests(requests: &[RequestMatch]) -> xds::Permission {
    one_of(requests.iter().map(request).collect()).unwrap_or_else(any)
}

fn request(request: &RequestMatch) -> xds::Permission {
    let RequestMatch { methods, paths, headers } = request;
    let methods = one_of(methods.iter().map(method_is).collect());
    let paths = one_of(paths.iter().map(path_is).collect());
    all(methods.into_iter().chain(paths).chain(headers.iter().map(header_is)).collect())
}

fn method_is(method: &Name) -> xds::Permission {
    is(Rule::Header(matching::method(method)))
}

fn header_is(header: &KeyMatch) -> xds::Permission {
    is(Rule::Header(matching::header(header)))
}

/// Paths with an escape in lower case, of which Envoy leaves the case as it came.
pub(crate) fn lower_escapes() -> xds::Permission {
    url(xds::regex(".*%([0-9A-Fa-f][a-f]|[a-f][0-9A-F]).*"))
}

/// Paths that an Envoy which resolves paths never compares. A connection that began before a policy minded paths has them as
/// they were sent, until it is drained.
pub(crate) fn unresolved() -> xds::Permission {
    let rules = path::UNRESOLVED.map(|pattern| url(xds::regex(pattern)));
    is(Rule::OrRules(Set { rules: rules.into() }))
}

/// A resolved path in any spelling of a canonical one.
fn path_is(path: &PathMatch) -> xds::Permission {
    one_of(path.spellings().iter().map(spelled).collect()).unwrap_or_else(any)
}

fn url(matcher: xds::StringMatcher) -> xds::Permission {
    let rule = xds::path_matcher::Rule::Path(matcher);
    is(Rule::UrlPath(xds::PathMatcher { rule: Some(rule) }))
}

fn spelled(path: &PathMatch) -> xds::Permission {
    match path {
        PathMatch::Exact(path) => url(xds::exact(path)),
        PathMatch::Prefix(path) if path.is_empty() => any(),
        PathMatch::Prefix(path) => {
            let below = url(xds::prefix(&format!("{path}/")));
            is(Rule::OrRules(Set { rules: vec![url(xds::exact(path)), below] }))
        }
        PathMatch::Regex(path) => url(xds::regex(path)),
    }
}

/// All of them; everything where there is none.
pub(crate) fn all(mut rules: Vec<xds::Permission>) -> xds::Permission {
    rules.retain(|rule| *rule != any());
    match rules.len() {
        0 => any(),
        1 => rules.remove(0),
        _ => is(Rule::AndRules(Set { rules })),
    }
}

/// Any of them; `None` where there is none.
fn one_of(mut rules: Vec<xds::Permission>) -> Option<xds::Permission> {
    match rules.len() {
        0 | 1 => rules.pop(),
        _ => Some(is(Rule::OrRules(Set { rules }))),
    }
}

fn is(rule: Rule) -> xds::Permission {
    xds::Permission { rule: Some(rule) }
}

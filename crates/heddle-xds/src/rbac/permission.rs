//! What is asked, as RBAC permissions.

use crate::route::matching;
use crate::xds;
use crate::xds::permission::{Rule, Set};
use heddle_model::Name;
use heddle_model::access::RequestMatch;
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch};

/// Everything.
pub(crate) fn any() -> xds::Permission {
    is(Rule::Any(true))
}

/// What is in none of the scopes.
pub(crate) fn outside(scopes: &[HttpMatch]) -> xds::Permission {
    match one_of(scopes.iter().map(scope).collect()) {
        Some(inside) => is(Rule::NotRule(Box::new(inside))),
        None => any(),
    }
}

/// What is in the scope (`None`: everything) and is one of the requests (none listed: every request). `None`
/// where nothing can be.
pub(crate) fn requests(scopes: Option<&[HttpMatch]>, requests: &[RequestMatch]) -> Option<xds::Permission> {
    let scoped = match scopes {
        Some(scopes) => Some(one_of(scopes.iter().map(scope).collect())?),
        None => None,
    };
    let asked = one_of(requests.iter().map(request).collect());
    Some(all(scoped.into_iter().chain(asked).collect()))
}

/// What a route's match is about. It has neither a query nor a regular expression (see `Policy::scope`).
fn scope(of: &HttpMatch) -> xds::Permission {
    let HttpMatch { path, method, headers, query: _ } = of;
    let method = method.as_ref().map(method_is);
    let path = path.as_ref().map(path_is);
    all(path.into_iter().chain(method).chain(headers.iter().map(header_is)).collect())
}

fn request(of: &RequestMatch) -> xds::Permission {
    let RequestMatch { methods, paths, headers } = of;
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
fn all(mut rules: Vec<xds::Permission>) -> xds::Permission {
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

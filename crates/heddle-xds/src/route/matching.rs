//! Matches of requests, as Envoy matchers.

use crate::xds;
use crate::xds::route_match::PathSpecifier;
use heddle_model::Name;
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};

/// Every request.
pub(crate) fn everything() -> xds::RouteMatch {
    at(PathSpecifier::Prefix("/".into()))
}

/// The requests of a match.
pub(crate) fn request(given: &HttpMatch) -> xds::RouteMatch {
    let HttpMatch { path: of_path, method: of_method, headers, query } = given;
    let mut matcher = match of_path {
        Some(given) => at(path(given)),
        None => everything(),
    };
    matcher.headers = of_method.iter().map(method).chain(headers.iter().map(header)).collect();
    matcher.query_parameters = query.iter().map(parameter).collect();
    matcher
}

/// A header with this value; `host` is the authority, in HTTP/2 as well.
pub(crate) fn header(given: &KeyMatch) -> xds::HeaderMatcher {
    use xds::header_matcher::HeaderMatchSpecifier;
    let KeyMatch { name, value } = given;
    let name = if name.eq_ignore_ascii_case("host") { ":authority" } else { name.as_str() };
    let specifier = match text(value) {
        Some(matcher) => HeaderMatchSpecifier::StringMatch(matcher),
        None => HeaderMatchSpecifier::PresentMatch(true),
    };
    xds::HeaderMatcher {
        name: name.into(),
        header_match_specifier: Some(specifier),
        ..xds::HeaderMatcher::default()
    }
}

/// This method.
pub(crate) fn method(method: &Name) -> xds::HeaderMatcher {
    let specifier = xds::header_matcher::HeaderMatchSpecifier::StringMatch(xds::exact(method));
    xds::HeaderMatcher {
        name: ":method".into(),
        header_match_specifier: Some(specifier),
        ..xds::HeaderMatcher::default()
    }
}

fn parameter(given: &KeyMatch) -> xds::QueryParameterMatcher {
    use xds::query_parameter_matcher::QueryParameterMatchSpecifier;
    let KeyMatch { name, value } = given;
    let specifier = match text(value) {
        Some(matcher) => QueryParameterMatchSpecifier::StringMatch(matcher),
        None => QueryParameterMatchSpecifier::PresentMatch(true),
    };
    xds::QueryParameterMatcher { name: name.to_string(), query_parameter_match_specifier: Some(specifier) }
}

/// `None` where any value will do.
fn text(value: &ValueMatch) -> Option<xds::StringMatcher> {
    match value {
        ValueMatch::Exact(text) => Some(xds::exact(text)),
        ValueMatch::Prefix(text) => Some(xds::prefix(text)),
        ValueMatch::Regex(text) => Some(xds::regex(text)),
        ValueMatch::Present => None,
    }
}

/// Envoy takes a prefix of whole elements only without a slash at its end, so the root is written as a plain one.
fn path(given: &PathMatch) -> PathSpecifier {
    match given {
        PathMatch::Exact(path) => PathSpecifier::Path(path.to_string()),
        PathMatch::Prefix(path) if path.is_empty() => PathSpecifier::Prefix("/".into()),
        PathMatch::Prefix(path) => PathSpecifier::PathSeparatedPrefix(path.to_string()),
        PathMatch::Regex(regex) => PathSpecifier::SafeRegex(xds::RegexMatcher { regex: regex.to_string() }),
    }
}

fn at(path: PathSpecifier) -> xds::RouteMatch {
    xds::RouteMatch { path_specifier: Some(path), ..xds::RouteMatch::default() }
}

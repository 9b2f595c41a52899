//! The proxy's matching: of everything that matches the best, and of equals the first.

use heddle_decide::HttpCall;
use heddle_proto::io::linkerd::proxy::http_route::{
    HeaderMatch, HttpRouteMatch, PathMatch, QueryParamMatch, header_match, path_match, query_param_match,
};
use heddle_proto::io::linkerd::proxy::http_types::{HttpMethod, http_method};
use regex::Regex;

/// The rank of a match: the length of the path, headers, query parameters, and a method.
pub(super) type Rank = (usize, usize, usize, bool);

/// The first of the best.
pub(super) fn best<'a, R>(
    rules: impl Iterator<Item = (&'a R, &'a [HttpRouteMatch])>,
    call: &HttpCall,
) -> Option<&'a R> {
    let ranked = rules.filter_map(|(rule, matches)| Some((rule, rank_of_any(matches, call)?)));
    ranked.reduce(|best, next| if best.1 >= next.1 { best } else { next }).map(|(rule, _)| rule)
}

fn rank_of_any(matches: &[HttpRouteMatch], call: &HttpCall) -> Option<Rank> {
    if matches.is_empty() {
        return Some((1, 0, 0, false));
    }
    matches.iter().filter_map(|matcher| rank(matcher, call)).max()
}

fn rank(matcher: &HttpRouteMatch, call: &HttpCall) -> Option<Rank> {
    let whole = call.path.split('#').next().unwrap_or_default();
    let (path, query) = whole.split_once('?').unwrap_or((whole, ""));
    let length = match &matcher.path {
        Some(wanted) => path_length(wanted, path)?,
        None => 1,
    };
    let holds = matcher.method.as_ref().is_none_or(|method| method_is(method, &call.method))
        && matcher.headers.iter().all(|header| header_matches(header, call))
        && matcher.query_params.iter().all(|parameter| parameter_matches(parameter, query));
    holds.then_some((length, matcher.headers.len(), matcher.query_params.len(), matcher.method.is_some()))
}

fn path_length(given: &PathMatch, path: &str) -> Option<usize> {
    match given.kind.as_ref().expect("a path match says what") {
        path_match::Kind::Exact(exact) => (exact == path).then_some(path.len()),
        path_match::Kind::Regex(regex) => whole(regex, path).then_some(path.len()),
        path_match::Kind::Prefix(prefix) if prefix == "/" => Some(1),
        path_match::Kind::Prefix(prefix) => {
            let prefix = prefix.trim_end_matches('/');
            let rest = path.trim_end_matches('/').strip_prefix(prefix)?;
            (rest.is_empty() || rest.starts_with('/')).then_some(prefix.len())
        }
    }
}

/// As a proxy does: the first match that is found must be the whole.
fn whole(regex: &str, text: &str) -> bool {
    let regex = Regex::new(regex).expect("a proxy takes it");
    regex.find(text).is_some_and(|found| found.start() == 0 && found.end() == text.len())
}

fn method_is(given: &HttpMethod, method: &str) -> bool {
    match given.r#type.as_ref().expect("a method says which") {
        http_method::Type::Registered(number) => {
            let known = http_method::Registered::try_from(*number).expect("a known number");
            known.as_str_name() == method
        }
        http_method::Type::Unregistered(name) => name == method,
    }
}

/// Any of several values of one name will do.
fn header_matches(matcher: &HeaderMatch, call: &HttpCall) -> bool {
    let values =
        call.headers.iter().filter(|(name, _)| *name == matcher.name).map(|(_, value)| value.as_str());
    let host = (matcher.name == "host").then_some(call.authority.as_str());
    values.chain(host).any(|value| match matcher.value.as_ref().expect("a header match says what") {
        header_match::Value::Exact(exact) => exact.as_ref() == value.as_bytes(),
        header_match::Value::Regex(regex) => whole(regex, value),
    })
}

fn parameter_matches(matcher: &QueryParamMatch, query: &str) -> bool {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(|(name, _)| *name == matcher.name).any(|(_, value)| {
        match matcher.value.as_ref().expect("a parameter match says what") {
            query_param_match::Value::Exact(exact) => exact == value,
            query_param_match::Value::Regex(regex) => whole(regex, value),
        }
    })
}

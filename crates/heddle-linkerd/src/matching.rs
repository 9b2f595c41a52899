//! The messages about a match, and the headers of which a proxy may be content with another value than is meant.

use crate::pattern::CompiledExpressions;
use crate::{filter, l5d, pattern};
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};
use heddle_model::matching::narrowed;
use heddle_model::{Name, header};
use l5d::http_method::{Registered, Type};
use std::collections::{BTreeMap, BTreeSet};

/// The match as a proxy is told; `None` where it matches nothing, or a proxy would refuse it.
pub(crate) fn message(matcher: &HttpMatch) -> Option<l5d::HttpRouteMatch> {
    let HttpMatch { path, method, headers, query } = matcher;
    let path = match path {
        Some(path) => Some(path_message(path)?),
        None => None,
    };
    let method = match method {
        Some(method) => Some(method_message(method)?),
        None => None,
    };
    Some(l5d::HttpRouteMatch {
        path,
        method,
        headers: headers.iter().map(header_message).collect::<Option<_>>()?,
        query_params: query.iter().map(parameter).collect::<Option<_>>()?,
    })
}

fn path_message(path: &PathMatch) -> Option<l5d::PathMatch> {
    use l5d::path_match::Kind;
    let kind = match path {
        PathMatch::Exact(path) => Kind::Exact(path.to_string()),
        PathMatch::Prefix(prefix) if prefix.is_empty() => Kind::Prefix("/".into()),
        PathMatch::Prefix(prefix) => Kind::Prefix(prefix.to_string()),
        PathMatch::Regex(regex) => Kind::Regex(pattern::whole(regex)?),
    };
    Some(l5d::PathMatch { kind: Some(kind) })
}

/// A method by its number, or by its name if it has none.
pub(crate) fn method_message(method: &str) -> Option<l5d::HttpMethod> {
    let known = Registered::from_str_name(method).map(|known| Type::Registered(known.into()));
    let named = || filter::is_name(method).then(|| Type::Unregistered(method.into()));
    Some(l5d::HttpMethod { r#type: Some(known.or_else(named)?) })
}

fn header_message(KeyMatch { name, value }: &KeyMatch) -> Option<l5d::HeaderMatch> {
    use l5d::header_match::Value;
    let value = match value {
        ValueMatch::Exact(value) => {
            filter::is_value(value).then(|| Value::Exact(value.as_bytes().to_vec().into()))?
        }
        ValueMatch::Prefix(value) => Value::Regex(pattern::prefix(value)),
        ValueMatch::Regex(regex) => Value::Regex(pattern::whole(regex)?),
        ValueMatch::Present => Value::Regex(pattern::anything()),
    };
    let name = name.to_ascii_lowercase();
    filter::is_name(&name).then_some(l5d::HeaderMatch { name, value: Some(value) })
}

/// The headers of which these matches want several values that exclude each other, and those whose lines are one value:
/// of them a request may have one as some match wants it, and one as it does not.
pub(crate) fn contradictable<'a>(all: impl Iterator<Item = &'a HttpMatch>) -> BTreeSet<Name> {
    let mut by_name: BTreeMap<&Name, BTreeSet<&ValueMatch>> = BTreeMap::new();
    for KeyMatch { name, value } in all.flat_map(|matcher| &matcher.headers) {
        by_name.entry(name).or_default().insert(value);
    }
    let expressions = CompiledExpressions::default();
    let several = |(name, values): &(&Name, BTreeSet<&ValueMatch>)| {
        is_one_value(name) || narrowed(values, &expressions).is_none()
    };
    by_name.into_iter().filter(several).map(|(name, _)| name.clone()).collect()
}

/// Returns whether lines of this name are one value to others, of which a proxy sees each alone.
pub(crate) fn is_one_value(name: &str) -> bool {
    header::is_joined(name) || name == header::COOKIE
}

/// The requests that have a value as wanted of one of these headers, and another that is not: a proxy is content with
/// either.
pub(crate) fn contradicted(matcher: &HttpMatch, headers: &BTreeSet<Name>) -> Vec<HttpMatch> {
    let other = |KeyMatch { name, value }: &KeyMatch| {
        let others = match value {
            ValueMatch::Exact(value) => pattern::not(value),
            ValueMatch::Prefix(value) => pattern::not_prefix(value),
            ValueMatch::Present | ValueMatch::Regex(_) => return None,
        };
        Some(KeyMatch { name: name.clone(), value: ValueMatch::Regex(others.into()) })
    };
    let twin = |other: KeyMatch| HttpMatch {
        headers: matcher.headers.iter().cloned().chain([other]).collect(),
        ..matcher.clone()
    };
    let contradictable = matcher.headers.iter().filter(|header| headers.contains(&header.name));
    contradictable.filter_map(other).map(twin).collect()
}

fn parameter(KeyMatch { name, value }: &KeyMatch) -> Option<l5d::QueryParamMatch> {
    use l5d::query_param_match::Value;
    let value = match value {
        ValueMatch::Exact(value) => Value::Exact(value.to_string()),
        ValueMatch::Prefix(value) => Value::Regex(pattern::prefix(value)),
        ValueMatch::Regex(regex) => Value::Regex(pattern::whole(regex)?),
        ValueMatch::Present => Value::Regex(pattern::anything()),
    };
    (!name.is_empty()).then_some(l5d::QueryParamMatch { name: name.to_string(), value: Some(value) })
}

//! What a match is about: whether two have requests in common, and how a proxy is told.

use crate::pattern::Expressions;
use crate::{filter, l5d, pattern};
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};
use heddle_model::{Name, header};
use l5d::http_method::{Registered, Type};
use std::collections::{BTreeMap, BTreeSet};

/// The requests that two matches have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meet {
    /// None.
    Nothing,
    /// Those of this match.
    Both(HttpMatch),
    /// No match says which: a regular expression of paths, and another condition on paths.
    Unknown,
}

/// Returns what two matches have in common. Keeps every condition of both that the other does not repeat, so that it never
/// ranks below either of them.
pub(crate) fn meet(a: &HttpMatch, b: &HttpMatch, expressions: &Expressions) -> Meet {
    let HttpMatch { path, method, headers, query } = a;
    let method = match (method, &b.method) {
        (Some(one), Some(other)) if one != other => return Meet::Nothing,
        (one, other) => one.as_ref().or(other.as_ref()).cloned(),
    };
    let (Some(headers), Some(query)) =
        (keys(headers, &b.headers, expressions), keys(query, &b.query, expressions))
    else {
        return Meet::Nothing;
    };
    match paths(path.as_ref(), b.path.as_ref(), expressions) {
        Paths::Nothing => Meet::Nothing,
        Paths::Unknown => Meet::Unknown,
        Paths::Both(path) => Meet::Both(HttpMatch { path: path.cloned(), method, headers, query }),
    }
}

/// Returns whether every request of `inner` is one of `outer`, as far as that can be told.
pub(crate) fn is_within(inner: &HttpMatch, outer: &HttpMatch, expressions: &Expressions) -> bool {
    let HttpMatch { path, method, headers, query } = outer;
    let path = match (inner.path.as_ref(), path.as_ref()) {
        (_, None) => true,
        (None, Some(outer)) => is_root(outer),
        (Some(inner), Some(outer)) => path_is_within(inner, outer, expressions),
    };
    path && (method.is_none() || inner.method == *method)
        && keys_are_within(&inner.headers, headers, expressions)
        && keys_are_within(&inner.query, query, expressions)
}

/// Every condition once, in order.
pub(crate) fn normal(of: &HttpMatch) -> HttpMatch {
    let HttpMatch { path, method, headers, query } = of;
    let path = path.clone().filter(|path| !is_root(path));
    let sorted = |keys: &[KeyMatch]| keys.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    HttpMatch { path, method: method.clone(), headers: sorted(headers), query: sorted(query) }
}

/// The match as a proxy is told; `None` where it matches nothing, or a proxy would refuse it.
pub(crate) fn message(of: &HttpMatch) -> Option<l5d::HttpRouteMatch> {
    let HttpMatch { path, method, headers, query } = of;
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

enum Paths<'a> {
    Nothing,
    Both(Option<&'a PathMatch>),
    Unknown,
}

fn paths<'a>(a: Option<&'a PathMatch>, b: Option<&'a PathMatch>, expressions: &Expressions) -> Paths<'a> {
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (one, other) => return Paths::Both(one.or(other)),
    };
    if path_is_within(a, b, expressions) {
        return Paths::Both(Some(a));
    }
    if path_is_within(b, a, expressions) {
        return Paths::Both(Some(b));
    }
    match (a, b) {
        (PathMatch::Regex(_), PathMatch::Regex(_) | PathMatch::Prefix(_))
        | (PathMatch::Prefix(_), PathMatch::Regex(_)) => Paths::Unknown,
        (PathMatch::Exact(_), _) | (_, PathMatch::Exact(_)) => Paths::Nothing,
        (PathMatch::Prefix(_), PathMatch::Prefix(_)) => Paths::Nothing,
    }
}

fn path_is_within(inner: &PathMatch, outer: &PathMatch, expressions: &Expressions) -> bool {
    match (inner, outer) {
        (_, PathMatch::Prefix(prefix)) if prefix.is_empty() => true,
        (PathMatch::Exact(path) | PathMatch::Prefix(path), PathMatch::Prefix(prefix)) => {
            path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        (PathMatch::Exact(path), PathMatch::Exact(exact)) => path == exact,
        (PathMatch::Exact(path), PathMatch::Regex(regex)) => expressions.matches(regex, path),
        (PathMatch::Regex(inner), PathMatch::Regex(outer)) => inner == outer,
        (PathMatch::Regex(_), PathMatch::Prefix(_) | PathMatch::Exact(_))
        | (PathMatch::Prefix(_), PathMatch::Exact(_) | PathMatch::Regex(_)) => false,
    }
}

fn is_root(path: &PathMatch) -> bool {
    match path {
        PathMatch::Prefix(prefix) => prefix.is_empty(),
        PathMatch::Exact(_) | PathMatch::Regex(_) => false,
    }
}

/// All conditions of both; `None` where no value fulfils those of a name.
fn keys(a: &[KeyMatch], b: &[KeyMatch], expressions: &Expressions) -> Option<Vec<KeyMatch>> {
    let mut by_name: BTreeMap<&Name, BTreeSet<&ValueMatch>> = BTreeMap::new();
    for KeyMatch { name, value } in a.iter().chain(b) {
        by_name.entry(name).or_default().insert(value);
    }
    let mut all = Vec::new();
    for (name, values) in by_name {
        for value in narrowed(&values, expressions)? {
            all.push(KeyMatch { name: name.clone(), value: value.clone() });
        }
    }
    Some(all)
}

/// The narrowest of what is comparable, and every expression; `None` where they exclude each other.
fn narrowed<'a>(values: &BTreeSet<&'a ValueMatch>, expressions: &Expressions) -> Option<Vec<&'a ValueMatch>> {
    let mut narrowest: Option<&ValueMatch> = None;
    let mut regexes = Vec::new();
    for value in values.iter().copied() {
        match (value, narrowest) {
            (ValueMatch::Regex(_), _) => regexes.push(value),
            (_, None) => narrowest = Some(value),
            (_, Some(other)) if value_is_within(value, other, expressions) => narrowest = Some(value),
            (_, Some(other)) if value_is_within(other, value, expressions) => {}
            (_, Some(_)) => return None,
        }
    }
    let excluded = |regex: &&ValueMatch| {
        matches!(narrowest, Some(ValueMatch::Exact(_)))
            && narrowest.is_some_and(|value| !value_is_within(value, regex, expressions))
    };
    if regexes.iter().any(excluded) {
        return None;
    }
    Some(narrowest.into_iter().chain(regexes).collect())
}

fn keys_are_within(inner: &[KeyMatch], outer: &[KeyMatch], expressions: &Expressions) -> bool {
    outer.iter().all(|outer| {
        let mut same = inner.iter().filter(|inner| inner.name == outer.name);
        same.any(|inner| value_is_within(&inner.value, &outer.value, expressions))
    })
}

fn value_is_within(inner: &ValueMatch, outer: &ValueMatch, expressions: &Expressions) -> bool {
    match (inner, outer) {
        (_, ValueMatch::Present) => true,
        (ValueMatch::Exact(value), ValueMatch::Exact(exact)) => value == exact,
        (ValueMatch::Exact(value) | ValueMatch::Prefix(value), ValueMatch::Prefix(prefix)) => {
            value.starts_with(prefix.as_str())
        }
        (ValueMatch::Exact(value), ValueMatch::Regex(regex)) => expressions.matches(regex, value),
        (ValueMatch::Regex(inner), ValueMatch::Regex(outer)) => inner == outer,
        (ValueMatch::Prefix(_), ValueMatch::Exact(_) | ValueMatch::Regex(_))
        | (ValueMatch::Regex(_), ValueMatch::Exact(_) | ValueMatch::Prefix(_))
        | (ValueMatch::Present, ValueMatch::Exact(_) | ValueMatch::Prefix(_) | ValueMatch::Regex(_)) => false,
    }
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
    let expressions = Expressions::default();
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
pub(crate) fn contradicted(of: &HttpMatch, headers: &BTreeSet<Name>) -> Vec<HttpMatch> {
    let other = |KeyMatch { name, value }: &KeyMatch| {
        let others = match value {
            ValueMatch::Exact(value) => pattern::not(value),
            ValueMatch::Prefix(value) => pattern::not_prefix(value),
            ValueMatch::Present | ValueMatch::Regex(_) => return None,
        };
        Some(KeyMatch { name: name.clone(), value: ValueMatch::Regex(others.into()) })
    };
    let twin = |other: KeyMatch| HttpMatch {
        headers: of.headers.iter().cloned().chain([other]).collect(),
        ..of.clone()
    };
    let contradictable = of.headers.iter().filter(|header| headers.contains(&header.name));
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

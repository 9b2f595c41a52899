//! Routes, as text.

use super::{Text, list};
use heddle_model::Name;
use heddle_model::http::{
    Filters, Fraction, HeaderChange, HttpMatch, KeyMatch, PathChange, PathMatch, Redirect, Scheme, ValueMatch,
};
use heddle_model::route::{Backend, Mirror, Retry, RouteEntry, RouteRule, RouteTable, WeightedBackend};
use std::time::Duration;

/// A table: one line per match, best first.
pub(crate) fn table_lines(text: &mut Text, consumer: Option<&Name>, table: &RouteTable<HttpMatch>) {
    match consumer {
        Some(consumer) => text.line(2, format_args!("routes of {consumer}'s clients")),
        None => text.line(2, "routes"),
    }
    for RouteEntry { matcher: wanted, rule } in &table.entries {
        text.line(3, format_args!("{} -> {}", matcher(wanted), rule_text(rule)));
    }
}

fn rule_text(rule: &RouteRule) -> String {
    let RouteRule {
        source,
        index,
        filters,
        redirect,
        mirrors,
        backends,
        request_timeout,
        backend_timeout,
        retry,
    } = rule;
    let backends: Vec<String> = backends.iter().map(backend_text).collect();
    let backends = match redirect {
        Some(redirect) => redirect_text(redirect),
        None if backends.is_empty() => "nothing".into(),
        None => backends.join(", "),
    };
    format!(
        "{}/{}[{index}]: {backends}{}{}{}{}{}",
        source.namespace,
        source.name,
        changes(filters),
        mirrors.iter().map(mirror_text).collect::<String>(),
        limit("timeout", *request_timeout),
        limit("attempt-timeout", *backend_timeout),
        retry.as_ref().map(retry_text).unwrap_or_default(),
    )
}

fn backend_text(backend: &WeightedBackend) -> String {
    let WeightedBackend { weight, backend, filters } = backend;
    let to = match backend {
        Backend::Service { port, families: _ } => port.to_string(),
        Backend::Broken { reason, message } => format!("500 {reason}: {message}"),
    };
    format!("{weight}x {to}{}", changes(filters))
}

fn redirect_text(redirect: &Redirect) -> String {
    let Redirect { scheme, host, port, path, status } = redirect;
    let scheme = scheme.map_or("", Scheme::as_str);
    let host = host.as_ref().map_or("", |host| host.as_str());
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    let path = path.as_ref().map(path_text).unwrap_or_default();
    format!("{status} {scheme}://{host}{port}{path}")
}

fn mirror_text(mirror: &Mirror) -> String {
    let Mirror { port, families: _, fraction: Fraction { numerator, denominator } } = mirror;
    format!("; mirror {numerator}/{denominator} {port}")
}

fn changes(filters: &Filters) -> String {
    let Filters { request, response, host, path } = filters;
    let host = host.as_ref().map_or_else(String::new, |host| format!("; host {host}"));
    let path = path.as_ref().map_or_else(String::new, |path| format!("; path {}", path_text(path)));
    format!("{}{}{host}{path}", change("request", request), change("response", response))
}

fn path_text(path: &PathChange) -> String {
    match path {
        PathChange::Full(whole) => whole.to_string(),
        PathChange::Prefix { of, with } => format!("{of}/**={with}/**"),
    }
}

fn retry_text(retry: &Retry) -> String {
    let Retry { attempts, codes, backoff } = retry;
    format!("; retry {attempts} on {codes:?}{}", limit("backoff", *backoff))
}

fn limit(name: &str, limit: Option<Duration>) -> String {
    limit.map_or_else(String::new, |limit| format!("; {name} {limit:?}"))
}

fn change(what: &str, change: &HeaderChange) -> String {
    let HeaderChange { set, add, remove } = change;
    let removed = remove.iter().map(|name| format!("-{name}"));
    let set = set.iter().map(|(name, value)| format!("{name}={value}"));
    let added = add.iter().map(|(name, value)| format!("{name}+={value}"));
    let all = list(removed.chain(set).chain(added));
    if all.is_empty() { String::new() } else { format!("; {what} {all}") }
}

/// A match, as short as it can be said.
pub(crate) fn matcher(matcher: &HttpMatch) -> String {
    let HttpMatch { path: on, method, headers, query } = matcher;
    let method = method.iter().map(ToString::to_string);
    let query = query.iter().map(|wanted| format!("?{}", key(wanted)));
    list(method.chain(on.as_ref().map(path)).chain(headers.iter().map(key)).chain(query))
}

/// A path: `/a` exact, `/a/**` prefix, `~…` regular.
pub(crate) fn path(wanted: &PathMatch) -> String {
    match wanted {
        PathMatch::Exact(path) => path.to_string(),
        PathMatch::Prefix(path) => format!("{path}/**"),
        PathMatch::Regex(regex) => format!("~{regex}"),
    }
}

/// A header or query parameter: `name=value`, `name=value*`, `name~regex`, `name`.
pub(crate) fn key(wanted: &KeyMatch) -> String {
    let KeyMatch { name, value } = wanted;
    match value {
        ValueMatch::Exact(value) => format!("{name}={value}"),
        ValueMatch::Prefix(value) => format!("{name}={value}*"),
        ValueMatch::Regex(regex) => format!("{name}~{regex}"),
        ValueMatch::Present => name.to_string(),
    }
}

//! Routes, as text.

use super::{Text, list};
use heddle_model::Name;
use heddle_model::http::{HeaderChange, HttpMatch, KeyMatch, PathMatch, ValueMatch};
use heddle_model::route::{Backend, Retry, RouteEntry, RouteRule, RouteTable, WeightedBackend};
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
        request_headers,
        response_headers,
        backends,
        request_timeout,
        backend_timeout,
        retry,
    } = rule;
    let backends: Vec<String> = backends.iter().map(backend_text).collect();
    let backends = if backends.is_empty() { "nothing".into() } else { backends.join(", ") };
    format!(
        "{}/{}[{index}]: {backends}{}{}{}{}{}",
        source.namespace,
        source.name,
        change("request", request_headers),
        change("response", response_headers),
        limit("timeout", *request_timeout),
        limit("attempt-timeout", *backend_timeout),
        retry.as_ref().map(retry_text).unwrap_or_default(),
    )
}

fn backend_text(backend: &WeightedBackend) -> String {
    let WeightedBackend { weight, backend, request_headers, response_headers } = backend;
    let to = match backend {
        Backend::Service { port, families: _ } => port.to_string(),
        Backend::Broken { reason, message } => format!("500 {reason}: {message}"),
    };
    format!("{weight}x {to}{}{}", change("request", request_headers), change("response", response_headers))
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

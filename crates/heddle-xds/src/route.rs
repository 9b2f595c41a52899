//! Route configurations: one per port of a Service, for whatever host name a client uses.

mod action;
pub(crate) mod matching;

pub(crate) use action::once;

use crate::family_port::FamilyPort;
use crate::resource::{Resource, ResourceKey};
use crate::xds;
use heddle_model::http::HttpMatch;
use heddle_model::route::{RouteDefaults, RouteEntry, RouteTable};
use heddle_model::{Family, SourceRef};
use heddle_proto::ResourceType;
use std::collections::BTreeSet;

/// The routes of a port: by its table, else to its own endpoints. What no route of a table matches is answered
/// 404 (GEP-1294). Backends serve with the family that was dialled, where they have it.
pub(crate) fn of_port(
    at: &FamilyPort,
    dialled: Option<Family>,
    table: Option<&RouteTable<HttpMatch>>,
    defaults: &RouteDefaults,
) -> Resource {
    let name = at.to_string();
    let mut sources = BTreeSet::from([at.port.service.source()]);
    let routes = match table {
        Some(RouteTable { entries }) => {
            sources.extend(entries.iter().map(|entry| entry.rule.source.clone()));
            entries.iter().flat_map(|entry| of_entry(entry, defaults, at.port.port, dialled)).collect()
        }
        None => vec![to(&name, "default", action::default(&name, defaults)), tunnel(&name)],
    };
    let needs = match table {
        Some(RouteTable { entries }) => backends(entries, dialled),
        None => vec![ResourceKey::new(ResourceType::Cluster, name.clone())],
    };
    Resource { body: xds::pack(&configuration(&name, routes)), sources, needs }
}

/// One virtual host that takes every name: which Service is meant was settled by the dialled address.
pub(crate) fn configuration(name: &str, routes: Vec<xds::Route>) -> xds::RouteConfiguration {
    xds::RouteConfiguration {
        name: name.into(),
        virtual_hosts: vec![xds::VirtualHost {
            name: name.into(),
            domains: vec!["*".into()],
            routes,
            ..xds::VirtualHost::default()
        }],
        validate_clusters: xds::flag(false),
        // A backend's changes to headers come after its rule's.
        most_specific_header_mutations_wins: true,
        ..xds::RouteConfiguration::default()
    }
}

/// A route that takes what asks for a tunnel (CONNECT), which Envoy matches with nothing else. No route of a table does.
pub(crate) fn tunnel(cluster: &str) -> xds::Route {
    let specifier = xds::route_match::PathSpecifier::ConnectMatcher(xds::route_match::ConnectMatcher {});
    xds::Route {
        r#match: Some(xds::RouteMatch { path_specifier: Some(specifier), ..xds::RouteMatch::default() }),
        ..to(cluster, "tunnel", once(cluster))
    }
}

/// A route that takes every request.
pub(crate) fn to(prefix: &str, name: &str, action: xds::RouteAction) -> xds::Route {
    xds::Route {
        name: format!("{prefix}/{name}"),
        r#match: Some(matching::everything()),
        action: Some(xds::route::Action::Route(action)),
        ..xds::Route::default()
    }
}

/// The routes of an entry: several where a change of the path wants it.
fn of_entry(
    entry: &RouteEntry<HttpMatch>,
    defaults: &RouteDefaults,
    port: u16,
    dialled: Option<Family>,
) -> impl Iterator<Item = xds::Route> {
    let RouteEntry { matcher, rule } = entry;
    let change = match &rule.redirect {
        Some(redirect) => redirect.path.as_ref(),
        None => rule.filters.path.as_ref(),
    };
    let limits = defaults.of(rule);
    action::ways(matcher, change).into_iter().map(move |(wanted, path)| xds::Route {
        name: rule_name(&rule.source, rule.index),
        r#match: Some(wanted),
        ..action::route(rule, &limits, path, port, dialled)
    })
}

/// The name of a rule in Envoy's logs: `HTTPRoute/<namespace>/<name>/<index>`.
fn rule_name(source: &SourceRef, index: usize) -> String {
    let SourceRef { kind, namespace, name } = source;
    format!("{kind}/{namespace}/{name}/{index}")
}

fn backends(entries: &[RouteEntry<HttpMatch>], dialled: Option<Family>) -> Vec<ResourceKey> {
    let all = entries.iter().flat_map(|entry| action::backends(&entry.rule, dialled));
    let names: BTreeSet<_> = all.map(|port| port.to_string()).collect();
    names.into_iter().map(|name| ResourceKey::new(ResourceType::Cluster, name)).collect()
}

#[cfg(test)]
mod tests;

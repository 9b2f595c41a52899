//! The route configuration of an inbound port: all requests go to the application, and routes tell which policies hold.
//!
//! Policies about requests lie here and not in the listener: a proxy goes by a new configuration from the next request
//! on, on the connections that it has, and closes none of them.

use crate::rbac;
use crate::resource::{Resource, ResourceKey};
use crate::route::{configuration, matching, once, to, tunnel};
use crate::xds;
use heddle_model::SourceRef;
use heddle_model::access::{Access, AccessEntry, RouteAccess, Unmatched};
use heddle_model::fact::Mesh;
use heddle_model::http::HttpMatch;
use heddle_proto::ResourceType;
use std::collections::BTreeSet;

/// Returns the routes of a port to a cluster, by its name.
pub(crate) fn of_port(
    mesh: &Mesh,
    cluster: &str,
    access: &Access,
    mut sources: BTreeSet<SourceRef>,
) -> Resource {
    sources.extend(policies(access));
    let mut routes = access.routes.iter().flat_map(|routes| entries(cluster, routes)).collect::<Vec<_>>();
    let rest = access.refuses_unmatched().then(|| rbac::tagged(rbac::UNMATCHED));
    routes.push(xds::Route { metadata: rest, ..to(cluster, "default", once(cluster)) });
    // What is sent through a tunnel no policy would see: without a route it is refused.
    routes.extend((!access.minds_requests()).then(|| tunnel(cluster)));
    let mut configuration = configuration(cluster, routes);
    for host in &mut configuration.virtual_hosts {
        host.typed_per_filter_config = rbac::per_route(access, &mesh.trust_domain);
    }
    let needs = vec![ResourceKey::new(ResourceType::Cluster, cluster)];
    Resource { body: xds::pack(&configuration), sources, needs }
}

/// The objects that say who may call.
pub(crate) fn policies(access: &Access) -> BTreeSet<SourceRef> {
    let routes = access.routes.iter().flat_map(|routes| &routes.governors);
    let routes = routes.filter_map(|governor| governor.route.clone());
    let policies = access.all_policies().map(|policy| policy.source.clone());
    policies.chain(routes).chain(access.posture_source.clone()).collect()
}

fn entries(cluster: &str, access: &RouteAccess) -> Vec<xds::Route> {
    let RouteAccess { governors: _, entries, unmatched } = access;
    match unmatched {
        Unmatched::ByPort | Unmatched::Refused => {}
    }
    let groups = rbac::groups(access);
    let route = |entry: &AccessEntry, matcher: &HttpMatch| xds::Route {
        r#match: Some(matching::request(matcher)),
        metadata: rbac::metadata(&groups, entry),
        ..to(cluster, &name(access, entry), once(cluster))
    };
    entries
        .iter()
        .flat_map(|entry| spellings(&entry.matcher).into_iter().map(move |matcher| (entry, matcher)))
        .map(|(entry, matcher)| route(entry, &matcher))
        .collect()
}

/// A match in every spelling of its path, which is canonical.
fn spellings(matcher: &HttpMatch) -> Vec<HttpMatch> {
    let Some(path) = &matcher.path else { return vec![matcher.clone()] };
    path.spellings().into_iter().map(|path| HttpMatch { path: Some(path), ..matcher.clone() }).collect()
}

/// The routes that govern an entry, for logs: `HTTPRoute/<namespace>/<name>`.
fn name(access: &RouteAccess, entry: &AccessEntry) -> String {
    let governors = access.at(&entry.governors).filter_map(|governor| governor.route.as_ref());
    let names = governors.map(|SourceRef { kind, namespace, name }| format!("{kind}/{namespace}/{name}"));
    let names = names.collect::<Vec<_>>();
    if names.is_empty() { "port".into() } else { names.join("+") }
}

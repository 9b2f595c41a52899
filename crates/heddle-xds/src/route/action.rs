//! The action of a route.

mod headers;
mod retry;

use crate::family_port::FamilyPort;
use crate::resource_name::BROKEN;
use crate::xds;
use crate::xds::route_action::{ClusterNotFoundResponseCode, ClusterSpecifier, HostRewriteSpecifier};
use heddle_model::Family;
use heddle_model::route::{Backend, RouteDefaults, RouteRule, WeightedBackend};
use std::time::Duration;

/// To one cluster. Where the limits do not say otherwise: as long as it takes, trying again where nothing can have
/// been done yet.
pub(crate) fn default(cluster: &str, limits: &RouteDefaults) -> xds::RouteAction {
    xds::RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.into())),
        timeout: xds::duration(limits.request_timeout.unwrap_or(Duration::ZERO)),
        retry_policy: Some(retry::within(limits)),
        ..xds::RouteAction::default()
    }
}

/// To one cluster, as long as it takes, once.
pub(crate) fn once(cluster: &str) -> xds::RouteAction {
    xds::RouteAction { retry_policy: None, ..default(cluster, &RouteDefaults::default()) }
}

/// The action of a rule within its limits, without name and match, for clients that dialled a family. A rule none of
/// whose backends can be reached answers 500.
pub(crate) fn route(rule: &RouteRule, limits: &RouteDefaults, dialled: Option<Family>) -> xds::Route {
    let RouteRule {
        source: _,
        index: _,
        request_headers,
        response_headers,
        backends,
        request_timeout: _,
        backend_timeout: _,
        retry: _,
    } = rule;
    let reachable = backends.iter().any(|share| matches!(share.backend, Backend::Service { .. }));
    let action = if reachable {
        xds::route::Action::Route(forward(rule, limits, dialled))
    } else {
        xds::route::Action::DirectResponse(xds::DirectResponseAction {
            status: 500,
            body: None,
            ..Default::default()
        })
    };
    xds::Route {
        action: Some(action),
        request_headers_to_add: headers::added(request_headers),
        request_headers_to_remove: headers::removed(request_headers),
        response_headers_to_add: headers::added(response_headers),
        response_headers_to_remove: headers::removed(response_headers),
        ..xds::Route::default()
    }
}

/// The ports that a rule sends requests to.
pub(crate) fn backends(rule: &RouteRule, dialled: Option<Family>) -> impl Iterator<Item = FamilyPort> {
    rule.backends.iter().filter_map(move |share| match &share.backend {
        Backend::Service { port, families } => Some(FamilyPort::serving(port, *families, dialled)),
        Backend::Broken { reason: _, message: _ } => None,
    })
}

fn forward(rule: &RouteRule, limits: &RouteDefaults, dialled: Option<Family>) -> xds::RouteAction {
    xds::RouteAction {
        cluster_specifier: Some(destination(&rule.backends, dialled)),
        // The share of a broken backend goes to a cluster that is never defined: 500 for exactly that share.
        cluster_not_found_response_code: ClusterNotFoundResponseCode::InternalServerError.into(),
        timeout: xds::duration(limits.request_timeout.unwrap_or(Duration::ZERO)),
        retry_policy: Some(retry::within(limits)),
        host_rewrite_specifier: headers::host(&rule.request_headers)
            .map(HostRewriteSpecifier::HostRewriteLiteral),
        ..xds::RouteAction::default()
    }
}

fn destination(backends: &[WeightedBackend], dialled: Option<Family>) -> ClusterSpecifier {
    if let [WeightedBackend { weight: _, backend, request_headers, response_headers }] = backends
        && request_headers.is_empty()
        && response_headers.is_empty()
    {
        return ClusterSpecifier::Cluster(cluster(backend, dialled));
    }
    ClusterSpecifier::WeightedClusters(xds::WeightedCluster {
        clusters: backends.iter().map(|backend| share(backend, dialled)).collect(),
        ..xds::WeightedCluster::default()
    })
}

fn share(given: &WeightedBackend, dialled: Option<Family>) -> xds::weighted_cluster::ClusterWeight {
    use xds::weighted_cluster::cluster_weight::HostRewriteSpecifier;
    let WeightedBackend { weight, backend, request_headers, response_headers } = given;
    xds::weighted_cluster::ClusterWeight {
        name: cluster(backend, dialled),
        weight: xds::number(*weight),
        request_headers_to_add: headers::added(request_headers),
        request_headers_to_remove: headers::removed(request_headers),
        response_headers_to_add: headers::added(response_headers),
        response_headers_to_remove: headers::removed(response_headers),
        host_rewrite_specifier: headers::host(request_headers).map(HostRewriteSpecifier::HostRewriteLiteral),
        ..xds::weighted_cluster::ClusterWeight::default()
    }
}

fn cluster(backend: &Backend, dialled: Option<Family>) -> String {
    match backend {
        Backend::Service { port, families } => FamilyPort::serving(port, *families, dialled).to_string(),
        Backend::Broken { reason: _, message: _ } => BROKEN.into(),
    }
}

//! What is done with the requests of a route.

mod headers;
mod retry;

use crate::subject::{BROKEN, Subject};
use crate::xds;
use crate::xds::route_action::{ClusterNotFoundResponseCode, ClusterSpecifier, HostRewriteSpecifier};
use heddle_model::ServicePortKey;
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

/// The action of a rule within its limits, without name and match. A rule none of whose backends can be reached answers 500.
pub(crate) fn route(rule: &RouteRule, limits: &RouteDefaults) -> xds::Route {
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
    let reachable = backends.iter().any(|share| matches!(share.backend, Backend::Service(_)));
    let action = if reachable {
        xds::route::Action::Route(forward(rule, limits))
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
pub(crate) fn backends(rule: &RouteRule) -> impl Iterator<Item = &ServicePortKey> {
    rule.backends.iter().filter_map(|share| match &share.backend {
        Backend::Service(port) => Some(port),
        Backend::Broken { reason: _ } => None,
    })
}

fn forward(rule: &RouteRule, limits: &RouteDefaults) -> xds::RouteAction {
    xds::RouteAction {
        cluster_specifier: Some(destination(&rule.backends)),
        // The share of a broken backend goes to a cluster that is never defined: 500 for exactly that share.
        cluster_not_found_response_code: ClusterNotFoundResponseCode::InternalServerError.into(),
        timeout: xds::duration(limits.request_timeout.unwrap_or(Duration::ZERO)),
        retry_policy: Some(retry::within(limits)),
        host_rewrite_specifier: headers::host(&rule.request_headers)
            .map(HostRewriteSpecifier::HostRewriteLiteral),
        ..xds::RouteAction::default()
    }
}

fn destination(backends: &[WeightedBackend]) -> ClusterSpecifier {
    if let [WeightedBackend { weight: _, backend, request_headers, response_headers }] = backends
        && request_headers.is_empty()
        && response_headers.is_empty()
    {
        return ClusterSpecifier::Cluster(cluster(backend));
    }
    ClusterSpecifier::WeightedClusters(xds::WeightedCluster {
        clusters: backends.iter().map(share).collect(),
        ..xds::WeightedCluster::default()
    })
}

fn share(of: &WeightedBackend) -> xds::weighted_cluster::ClusterWeight {
    use xds::weighted_cluster::cluster_weight::HostRewriteSpecifier;
    let WeightedBackend { weight, backend, request_headers, response_headers } = of;
    xds::weighted_cluster::ClusterWeight {
        name: cluster(backend),
        weight: xds::number(*weight),
        request_headers_to_add: headers::added(request_headers),
        request_headers_to_remove: headers::removed(request_headers),
        response_headers_to_add: headers::added(response_headers),
        response_headers_to_remove: headers::removed(response_headers),
        host_rewrite_specifier: headers::host(request_headers).map(HostRewriteSpecifier::HostRewriteLiteral),
        ..xds::weighted_cluster::ClusterWeight::default()
    }
}

fn cluster(backend: &Backend) -> String {
    match backend {
        Backend::Service(port) => Subject::Service(port.clone()).to_string(),
        Backend::Broken { reason: _ } => BROKEN.into(),
    }
}

//! The action of a route.

mod headers;
mod path;
mod retry;

pub(crate) use path::ways;

use crate::family_port::FamilyPort;
use crate::resource_name::BROKEN;
use crate::xds;
use crate::xds::route_action::{ClusterNotFoundResponseCode, ClusterSpecifier, HostRewriteSpecifier};
use heddle_model::http::{Filters, Fraction, Redirect};
use heddle_model::route::{Backend, Mirror, RouteDefaults, RouteRule, WeightedBackend};
use heddle_model::{Family, Name};
use path::Replacement;
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

/// The action of a rule within its limits, without name and match, for clients that dialled a port by a family. A rule
/// none of whose backends can be reached answers 500.
pub(crate) fn route(
    rule: &RouteRule,
    limits: &RouteDefaults,
    path: Option<Replacement>,
    port: u16,
    dialled: Option<Family>,
) -> xds::Route {
    let RouteRule {
        source: _,
        index: _,
        filters: Filters { request, response, host: _, path: _ },
        redirect,
        mirrors: _,
        backends,
        request_timeout: _,
        backend_timeout: _,
        retry: _,
    } = rule;
    let reachable = backends.iter().any(|share| matches!(share.backend, Backend::Service { .. }));
    let action = if let Some(redirect) = redirect {
        xds::route::Action::Redirect(redirected(redirect, path, port))
    } else if reachable {
        xds::route::Action::Route(forward(rule, limits, path, dialled))
    } else {
        xds::route::Action::DirectResponse(xds::DirectResponseAction {
            status: rule.broken_status().into(),
            body: None,
            ..Default::default()
        })
    };
    xds::Route {
        action: Some(action),
        request_headers_to_add: headers::added(request),
        request_headers_to_remove: headers::removed(request),
        response_headers_to_add: headers::added(response),
        response_headers_to_remove: headers::removed(response),
        ..xds::Route::default()
    }
}

fn redirected(redirect: &Redirect, replacement: Option<Replacement>, dialled: u16) -> xds::RedirectAction {
    use xds::redirect_action::{RedirectResponseCode, SchemeRewriteSpecifier};
    let Redirect { scheme, host, port: _, path: _, status } = redirect;
    let code = match status {
        301 => RedirectResponseCode::MovedPermanently,
        303 => RedirectResponseCode::SeeOther,
        307 => RedirectResponseCode::TemporaryRedirect,
        308 => RedirectResponseCode::PermanentRedirect,
        _ => RedirectResponseCode::Found,
    };
    xds::RedirectAction {
        scheme_rewrite_specifier: scheme
            .map(|scheme| SchemeRewriteSpecifier::SchemeRedirect(scheme.as_str().into())),
        host_redirect: host.as_ref().map(Name::to_string).unwrap_or_default(),
        port_redirect: redirect.stated_port(dialled).map(u32::from).unwrap_or_default(),
        path_rewrite_specifier: replacement.map(path::redirected),
        response_code: code.into(),
        ..xds::RedirectAction::default()
    }
}

/// The ports that a rule sends requests or copies of them to.
pub(crate) fn backends(rule: &RouteRule, dialled: Option<Family>) -> impl Iterator<Item = FamilyPort> {
    let backends = rule.backends.iter().filter_map(move |share| match &share.backend {
        Backend::Service { port, families } => Some(FamilyPort::serving(port, *families, dialled)),
        Backend::Broken { reason: _, message: _ } => None,
    });
    let mirrors = rule.mirrors.iter();
    backends.chain(mirrors.map(move |mirror| FamilyPort::serving(&mirror.port, mirror.families, dialled)))
}

/// A copy. Its authority is that of the request: Envoy would mark it by another name, which servers may not know.
fn mirrored(mirror: &Mirror, dialled: Option<Family>) -> xds::route_action::RequestMirrorPolicy {
    let Mirror { port, families, fraction } = mirror;
    xds::route_action::RequestMirrorPolicy {
        cluster: FamilyPort::serving(port, *families, dialled).to_string(),
        runtime_fraction: Some(xds::RuntimeFractionalPercent {
            default_value: Some(per_million(*fraction)),
            ..xds::RuntimeFractionalPercent::default()
        }),
        disable_shadow_host_suffix_append: true,
        ..xds::route_action::RequestMirrorPolicy::default()
    }
}

/// A share as Envoy takes it: the finest that it knows, and never nothing of something.
fn per_million(Fraction { numerator, denominator }: Fraction) -> xds::FractionalPercent {
    let share = u64::from(numerator) * 1_000_000 / u64::from(denominator.max(1));
    xds::FractionalPercent {
        numerator: u32::try_from(share).unwrap_or(1_000_000).max(1),
        denominator: xds::DenominatorType::Million.into(),
    }
}

fn forward(
    rule: &RouteRule,
    limits: &RouteDefaults,
    replacement: Option<Replacement>,
    dialled: Option<Family>,
) -> xds::RouteAction {
    let mut action = xds::RouteAction {
        cluster_specifier: Some(destination(&rule.backends, dialled)),
        // The share of a broken backend goes to a cluster that is never defined.
        cluster_not_found_response_code: match rule.broken_status() {
            500 => ClusterNotFoundResponseCode::InternalServerError.into(),
            _ => ClusterNotFoundResponseCode::ServiceUnavailable.into(),
        },
        timeout: xds::duration(limits.request_timeout.unwrap_or(Duration::ZERO)),
        retry_policy: Some(retry::within(limits)),
        host_rewrite_specifier: headers::host(&rule.filters).map(HostRewriteSpecifier::HostRewriteLiteral),
        request_mirror_policies: rule.mirrors.iter().map(|mirror| mirrored(mirror, dialled)).collect(),
        ..xds::RouteAction::default()
    };
    if let Some(replacement) = replacement {
        path::forwarded(&mut action, replacement);
    }
    action
}

fn destination(backends: &[WeightedBackend], dialled: Option<Family>) -> ClusterSpecifier {
    if let [WeightedBackend { weight: _, backend, filters }] = backends
        && filters.is_empty()
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
    let WeightedBackend { weight, backend, filters } = given;
    xds::weighted_cluster::ClusterWeight {
        name: cluster(backend, dialled),
        weight: xds::number(*weight),
        request_headers_to_add: headers::added(&filters.request),
        request_headers_to_remove: headers::removed(&filters.request),
        response_headers_to_add: headers::added(&filters.response),
        response_headers_to_remove: headers::removed(&filters.response),
        host_rewrite_specifier: headers::host(filters).map(HostRewriteSpecifier::HostRewriteLiteral),
        ..xds::weighted_cluster::ClusterWeight::default()
    }
}

fn cluster(backend: &Backend, dialled: Option<Family>) -> String {
    match backend {
        Backend::Service { port, families } => FamilyPort::serving(port, *families, dialled).to_string(),
        Backend::Broken { reason: _, message: _ } => BROKEN.into(),
    }
}

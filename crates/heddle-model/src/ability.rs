//! The parts of routes that a data plane cannot do.

use crate::fact::DataPlane;
use crate::http::{Filters, PathChange, Redirect};
use crate::route::RouteRule;

/// Returns what proxies of a data plane do not do of a rule, whatever backend is chosen: they answer its requests 500.
pub fn lacks(plane: DataPlane, rule: &RouteRule) -> Option<&'static str> {
    let prefix = |redirect: &Redirect| matches!(redirect.path, Some(PathChange::Prefix { .. }));
    match (plane, &rule.redirect) {
        (DataPlane::Envoy, _) => None,
        (DataPlane::Linkerd, Some(redirect)) if prefix(redirect) => {
            Some("linkerd2-proxy replaces a prefix in a redirect only where it matches by one itself")
        }
        (DataPlane::Linkerd, Some(_)) => None,
        (DataPlane::Linkerd, None) if !rule.mirrors.is_empty() => {
            Some("linkerd2-proxy sends no copies of requests")
        }
        (DataPlane::Linkerd, None) => lacks_of(plane, &rule.filters),
    }
}

/// Returns what proxies of a data plane do not do of the filters of a rule or of one backend: they answer its share 500.
pub fn lacks_of(plane: DataPlane, filters: &Filters) -> Option<&'static str> {
    let Filters { request: _, response: _, host, path } = filters;
    match plane {
        DataPlane::Envoy => None,
        DataPlane::Linkerd => {
            (host.is_some() || path.is_some()).then_some("linkerd2-proxy rewrites neither hosts nor paths")
        }
    }
}

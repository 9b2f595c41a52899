//! Bytes.

use super::backend::Route;
use crate::l5d::{self, outbound as l5d_out};
use l5d_out::opaque_route::{self as route, distribution, filter};
use l5d_out::proxy_protocol;

/// All to one backend.
pub(crate) fn to(given: &Route, backend: l5d_out::Backend) -> proxy_protocol::Opaque {
    let backend = route::RouteBackend { backend: Some(backend), filters: Vec::new() };
    let first = distribution::FirstAvailable { backends: vec![backend] };
    one(given, distribution::Kind::FirstAvailable(first), Vec::new())
}

/// Closed at once.
pub(crate) fn forbidden() -> proxy_protocol::Opaque {
    let filter = route::Filter { kind: Some(filter::Kind::Forbidden(l5d::Forbidden {})) };
    one(&Route::default("forbidden"), distribution::Kind::Empty(distribution::Empty {}), vec![filter])
}

/// A proxy takes exactly one route with one rule.
fn one(given: &Route, kind: distribution::Kind, filters: Vec<route::Filter>) -> proxy_protocol::Opaque {
    let backends = Some(route::Distribution { kind: Some(kind) });
    let rules = vec![route::Rule { backends, filters }];
    proxy_protocol::Opaque {
        routes: vec![l5d_out::OpaqueRoute { metadata: Some(given.metadata.clone()), rules }],
    }
}

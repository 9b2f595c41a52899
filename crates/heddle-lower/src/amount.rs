//! How much one object may say.

use crate::place::{Place, Wrong};
use heddle_model::Kind;
use serde_json::Value;

/// The most items of all lists of one `spec` together. An API server takes objects of 1.5 MB, and the schemas
/// bound each list, but not their product.
const MOST: usize = 16_384;

/// Refuses an object whose `spec` says far too much, of a kind that is kept as a whole.
pub(crate) fn check(kind: Kind, root: &Place<'_>) -> Result<(), Wrong> {
    match kind {
        // Little of these is kept, and no list of it within another.
        Kind::Namespace
        | Kind::Node
        | Kind::Pod
        | Kind::ServiceCidr
        | Kind::Service
        | Kind::EndpointSlice => Ok(()),
        Kind::HttpRoute
        | Kind::Mesh
        | Kind::InboundPolicy
        | Kind::AccessPolicy
        | Kind::ExternalWorkload
        | Kind::Server
        | Kind::ServerAuthorization
        | Kind::AuthorizationPolicy
        | Kind::MeshTlsAuthentication
        | Kind::NetworkAuthentication
        | Kind::LinkerdHttpRoute
        | Kind::RateLimitPolicy
        | Kind::EgressNetwork
        | Kind::ServiceProfile
        | Kind::LinkerdExternalWorkload => {
            root.get("spec").map_or(Ok(()), |spec| spec.at_most(MOST, items(spec.value())))
        }
    }
}

fn items(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.len() + list.iter().map(items).sum::<usize>(),
        Value::Object(fields) => fields.values().map(items).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

//! Linkerd's kinds and annotations, in Heddle's own facts.
//!
//! What an authorization cannot read admits nobody; a Server that cannot be read closes its whole namespace. What
//! Linkerd's proxy could do and other proxies could not is told as `UnsupportedValue`.

pub(crate) mod annotation;
pub(crate) mod authentication;
pub(crate) mod authorization_policy;
mod duration;
pub(crate) mod egress;
pub(crate) mod external_workload;
mod network;
mod ports;
pub(crate) mod rate_limit;
mod reference;
mod retry;
mod selector;
pub(crate) mod server;
pub(crate) mod server_authorization;
pub(crate) mod service_profile;

use heddle_model::Kind;

/// Returns whether a kind is one of Linkerd's.
pub(crate) fn has(kind: Kind) -> bool {
    match kind {
        Kind::Server
        | Kind::ServerAuthorization
        | Kind::AuthorizationPolicy
        | Kind::MeshTlsAuthentication
        | Kind::NetworkAuthentication
        | Kind::LinkerdHttpRoute
        | Kind::RateLimitPolicy
        | Kind::EgressNetwork
        | Kind::ServiceProfile
        | Kind::LinkerdExternalWorkload => true,
        Kind::Namespace
        | Kind::Node
        | Kind::Pod
        | Kind::ServiceCidr
        | Kind::Service
        | Kind::EndpointSlice
        | Kind::HttpRoute
        | Kind::Mesh
        | Kind::InboundPolicy
        | Kind::AccessPolicy
        | Kind::ExternalWorkload => false,
    }
}

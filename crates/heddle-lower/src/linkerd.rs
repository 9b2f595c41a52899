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
pub(crate) mod rate_limit;
mod reference;
mod retry;
mod selector;
pub(crate) mod server;
pub(crate) mod server_authorization;
pub(crate) mod service_profile;

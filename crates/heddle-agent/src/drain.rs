//! Telling Envoy that it will leave.

use crate::admin;
use std::net::SocketAddr;

/// Asks Envoy to end its listeners gracefully: requests in flight go on, and connections are closed as they
/// become idle. That it fails changes nothing: the child is ended after the drain time anyway.
pub(crate) async fn drain_listeners(admin: SocketAddr) {
    match admin::ask(admin, "POST /drain_listeners?graceful").await {
        Ok(status) if status.contains(" 200 ") => tracing::info!("envoy drains its listeners"),
        Ok(status) => tracing::warn!(%status, "envoy does not drain its listeners"),
        Err(error) => tracing::warn!(%error, "envoy does not drain its listeners"),
    }
}

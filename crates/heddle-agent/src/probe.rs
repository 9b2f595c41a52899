//! `/live` and `/ready`.

mod connections;

use crate::Error;
use crate::admin;
use crate::progress::Progress;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::{Method, StatusCode};
use std::net::SocketAddr;
use std::time::SystemTime;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The endpoint for probes; perhaps nowhere.
pub(crate) struct Probe(Option<TcpListener>);

impl Probe {
    pub(crate) async fn bind(address: Option<SocketAddr>) -> Result<Self, Error> {
        let Some(address) = address else { return Ok(Self(None)) };
        let bound = TcpListener::bind(address).await;
        bound.map(|listener| Self(Some(listener))).map_err(|error| Error::Probe { address, error })
    }

    /// Serves until aborted.
    pub(crate) async fn serve(self, router: Router) {
        let Some(listener) = self.0 else { return };
        connections::serve(listener, router).await;
    }
}

/// `/live` alone.
pub(crate) fn live() -> Router {
    Router::new().route("/live", get(async || "live\n"))
}

/// The pages beside a proxy whose certificates are ours to keep. With an admin address the proxy's own readiness counts
/// too.
pub(crate) fn pages(progress: watch::Receiver<Progress>, admin: Option<SocketAddr>) -> Router {
    live().merge(Router::new().route("/ready", get(ready)).with_state((progress, admin)))
}

async fn ready(
    State((progress, admin)): State<(watch::Receiver<Progress>, Option<SocketAddr>)>,
) -> (StatusCode, String) {
    let waits_for = progress.borrow().waits_for(SystemTime::now());
    match admin.filter(|_| waits_for.is_none()) {
        Some(admin) => proxy_readiness(admin).await,
        None => readiness(waits_for),
    }
}

/// The answer of `/ready` by the proxy's own, at its admin address.
pub(crate) async fn proxy_readiness(admin: SocketAddr) -> (StatusCode, String) {
    match admin::ask(admin, Method::GET, "/ready").await.map(|answer| answer.status()) {
        Ok(StatusCode::OK) => readiness(None),
        Ok(status) => readiness(Some(&format!("the proxy, which answers {status}"))),
        Err(error) => readiness(Some(&format!("the proxy at {admin}: {error}"))),
    }
}

/// The answer of `/ready`.
pub(crate) fn readiness(waits_for: Option<&str>) -> (StatusCode, String) {
    match waits_for {
        None => (StatusCode::OK, "ready\n".into()),
        Some(what) => (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {what}\n")),
    }
}

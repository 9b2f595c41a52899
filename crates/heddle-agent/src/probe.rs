//! `/live`, `/ready`, `/metrics`.

mod connections;

use crate::Error;
use crate::admin;
use crate::progress::Progress;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
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
    let ready = Router::new().route("/ready", get(ready)).with_state((progress.clone(), admin));
    live().merge(ready).merge(Router::new().route("/metrics", get(metrics)).with_state(progress))
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
    match admin::ask(admin, "GET /ready").await {
        Ok(status) if status.contains(" 200 ") => readiness(None),
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

async fn metrics(State(progress): State<watch::Receiver<Progress>>) -> String {
    render(&progress.borrow(), SystemTime::now())
}

/// The text format of Prometheus.
fn render(progress: &Progress, now: SystemTime) -> String {
    let Progress { certificate_ends, renewals, failures, child: _ } = progress;
    let left = certificate_ends.map_or(0, |ends| ends.duration_since(now).unwrap_or_default().as_secs());
    format!(
        "# HELP heddle_agent_certificate_left_seconds How long the certificate in the files is still good.\n\
         # TYPE heddle_agent_certificate_left_seconds gauge\n\
         heddle_agent_certificate_left_seconds {left}\n\
         # HELP heddle_agent_certificates_total Certificates that were written.\n\
         # TYPE heddle_agent_certificates_total counter\n\
         heddle_agent_certificates_total {renewals}\n\
         # HELP heddle_agent_failures_total Requests for a certificate that gave none.\n\
         # TYPE heddle_agent_failures_total counter\n\
         heddle_agent_failures_total {failures}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn metrics_tell_the_time_that_is_left() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let at = |ends: u64| {
            let ends = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(ends));
            let progress = Progress { certificate_ends: ends, renewals: 3, ..Progress::default() };
            render(&progress, now)
        };
        assert!(at(1060).contains("\nheddle_agent_certificate_left_seconds 60\n"));
        assert!(at(900).contains("\nheddle_agent_certificate_left_seconds 0\n"));
        assert!(at(900).contains("\nheddle_agent_certificates_total 3\n"));
        assert!(render(&Progress::default(), now).contains("\nheddle_agent_certificate_left_seconds 0\n"));
    }
}

//! `/metrics`: the agent's own, and of a Pod that is scraped the proxy's and the application's with them.
//!
//! Where the application's cannot be read the page fails as a whole, so that `up` says of the Pod what it would say without
//! a mesh. Where the proxy's cannot, they are left out, and a gauge says so.

use crate::admin;
use crate::application::Application;
use crate::progress::Progress;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::{StreamExt, stream};
use http::{Method, StatusCode, header};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// The time that the application may take to begin its answer: less than the 10 s that Prometheus waits.
const LIMIT: Duration = Duration::from_secs(8);

/// The sources of the page.
pub(crate) struct Metrics {
    /// The agent's progress; none where the certificate is the proxy's, and so is what there is to tell of it.
    pub own: Option<watch::Receiver<Progress>>,
    /// The proxy's admin address, and the path of its metrics.
    pub proxy: Option<(SocketAddr, &'static str)>,
    /// The application.
    pub application: Application,
}

/// The page.
pub(crate) fn page(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(answer)).with_state(Arc::new(metrics))
}

async fn answer(State(metrics): State<Arc<Metrics>>, RawQuery(query): RawQuery) -> Response {
    let own = metrics.own.as_ref().map(|progress| render(&progress.borrow(), SystemTime::now()));
    let own = own.unwrap_or_default();
    let Application { address, metrics: Some(page), .. } = &metrics.application else {
        return text(own.into());
    };
    let application = match tokio::time::timeout(LIMIT, page.read(*address, query.as_deref())).await {
        Ok(Ok(body)) => Body::new(body),
        Ok(Err(error)) => {
            return (StatusCode::BAD_GATEWAY, format!("the application's metrics: {error}\n"))
                .into_response();
        }
        Err(_) => {
            let failure = format!("the application's metrics: no answer in {LIMIT:?}\n");
            return (StatusCode::GATEWAY_TIMEOUT, failure).into_response();
        }
    };
    let (read, proxy) = match metrics.proxy_metrics().await {
        Some(body) => (1, body),
        None => (0, Body::empty()),
    };
    let own = format!(
        "{own}# HELP heddle_agent_proxy_read Whether the proxy's metrics are on this page.\n\
         # TYPE heddle_agent_proxy_read gauge\n\
         heddle_agent_proxy_read {read}\n"
    );
    let part = |text: String| stream::iter([Ok(Bytes::from(text))]);
    let before = part(own).chain(proxy.into_data_stream()).chain(part("\n".into()));
    text(Body::from_stream(before.chain(application.into_data_stream())))
}

fn text(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], body).into_response()
}

impl Metrics {
    async fn proxy_metrics(&self) -> Option<Body> {
        let (admin, path) = self.proxy?;
        match admin::ask(admin, Method::GET, path).await.and_then(admin::expect_ok) {
            Ok(answer) => Some(Body::new(answer.into_body())),
            Err(error) => {
                tracing::debug!(%error, "cannot read the proxy's metrics");
                None
            }
        }
    }
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
    use crate::application::MetricsPage;
    use http_body_util::BodyExt;
    use tokio::net::TcpListener;

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

    /// Serves `/metrics` with one answer.
    async fn served(form: &'static str, body: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let page = get(async move |RawQuery(query): RawQuery| {
            ([(header::CONTENT_TYPE, form)], format!("{body}{}", query.unwrap_or_default()))
        });
        tokio::spawn(async { axum::serve(listener, Router::new().route("/metrics", page)).await });
        at
    }

    /// Returns the status and the text of the page.
    async fn scraped(proxy: Option<SocketAddr>, application: SocketAddr) -> (StatusCode, String) {
        let page = format!(r#"{{"port": {}, "path": "/metrics"}}"#, application.port());
        let page: MetricsPage = page.parse().expect("a page");
        let metrics = Metrics {
            own: Some(watch::channel(Progress::default()).1),
            proxy: proxy.map(|admin| (admin, "/metrics")),
            application: Application { metrics: Some(page), ..Application::default() },
        };
        let (head, body) = answer(State(Arc::new(metrics)), RawQuery(Some("a=b".into()))).await.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        (head.status, String::from_utf8(bytes.to_vec()).expect("a text"))
    }

    #[tokio::test]
    async fn one_page_has_the_agents_the_proxys_and_the_applications() {
        let proxy = served("text/plain", "envoy_up 1").await;
        let application = served("text/plain; version=0.0.4", "requests_total 7\n").await;
        let (status, text) = scraped(Some(proxy), application).await;
        assert_eq!(status, StatusCode::OK);
        let lines = ["heddle_agent_proxy_read 1", "envoy_up 1", "requests_total 7", "a=b"];
        assert!(lines.iter().all(|line| text.lines().any(|have| have == *line)), "{text}");
    }

    #[tokio::test]
    async fn a_proxy_that_does_not_answer_hides_no_application() {
        let application = served("text/plain", "requests_total 7\n").await;
        let closed =
            TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
        let (status, text) = scraped(Some(closed), application).await;
        assert_eq!(status, StatusCode::OK);
        assert!(text.contains("\nheddle_agent_proxy_read 0\n") && text.contains("\nrequests_total 7\n"));
    }

    #[tokio::test]
    async fn an_application_that_is_down_or_speaks_another_form_fails_the_scrape() {
        let closed =
            TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
        assert_eq!(scraped(None, closed).await.0, StatusCode::BAD_GATEWAY);
        let open_metrics = served("application/openmetrics-text; version=1.0.0", "# EOF\n").await;
        let (status, text) = scraped(None, open_metrics).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        assert!(text.contains("it was asked for text/plain"), "{text}");
    }
}

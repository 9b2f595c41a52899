//! The application's metrics, read for whoever scrapes the Pod.

use super::{Failure, Scheme, fetch};
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// The text format of Prometheus: texts of it can be joined. OpenMetrics and protobuf cannot.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain;version=0.0.4");

/// The page at which the application shows its metrics. Read from JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MetricsPage {
    port: u16,
    path: String,
    #[serde(default)]
    scheme: Scheme,
}

impl FromStr for MetricsPage {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

impl MetricsPage {
    /// Returns the metrics as the application writes them, with the query of whoever scrapes.
    pub(crate) async fn read(&self, address: IpAddr, query: Option<&str>) -> Result<Incoming, Failure> {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        let request = Request::get(format!("/{path}{query}")).header(header::ACCEPT, TEXT);
        let at = SocketAddr::new(address, self.port);
        let (head, body) = fetch(at, self.scheme, request.body(String::new())?).await?.into_parts();
        let form = head.headers.get(header::CONTENT_TYPE).and_then(|form| form.to_str().ok());
        match form.unwrap_or("text/plain") {
            _ if head.status != StatusCode::OK => Err(format!("it answers {}", head.status).into()),
            form if form.starts_with("text/plain") => Ok(body),
            form => Err(format!("it answers {form:?}, though it was asked for text/plain").into()),
        }
    }
}

//! A small HTTP client: what an application of the demo sends.

use super::app::Seen;
use anyhow::{Context, Result};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;

/// At most this much of an answer is read.
const MOST: usize = 8 << 20;

/// A client that keeps its connections.
#[derive(Clone)]
pub struct Client(Pool<HttpConnector, Empty<Bytes>>);

/// An answer.
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A client with a pool of its own.
    pub fn new() -> Self {
        Self(Pool::builder(TokioExecutor::new()).build_http())
    }

    /// Sends one GET and reads the answer, within ten seconds.
    pub async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Reply> {
        self.send("GET", url, headers).await
    }

    /// Sends one request without a body and reads the answer, within ten seconds.
    pub async fn send(&self, method: &str, url: &str, headers: &[(&str, &str)]) -> Result<Reply> {
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).with_context(|| format!("{method} {url} is no request"))?;
        let exchange = async {
            let response = self.0.request(request).await.with_context(|| format!("{method} {url}"))?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MOST).collect().await;
            let body =
                body.map_err(|error| anyhow::anyhow!("{method} {url}: reading the answer: {error}"))?;
            Ok(Reply { status, body: body.to_bytes() })
        };
        tokio::time::timeout(Duration::from_secs(10), exchange)
            .await
            .with_context(|| format!("{method} {url}: no answer within 10 s"))?
    }
}

impl Reply {
    /// The answer of the demo's application.
    pub fn seen(&self) -> Result<Seen> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("{}: not our application: {}", self.status, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

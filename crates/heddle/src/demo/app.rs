//! The application of the demo and of the tests: answers every request with what it saw of it.

use anyhow::{Context, Result};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, Version};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Serve a small HTTP application that answers with what it saw.
#[derive(clap::Args)]
pub struct Args {
    /// The address to listen at
    #[arg(long)]
    listen: SocketAddr,
    /// The name it answers with
    #[arg(long)]
    name: String,
}

/// The application's view of one request.
#[derive(Debug, Serialize, Deserialize)]
pub struct Seen {
    /// The application that answers.
    pub workload: String,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: String,
    /// Headers, joined where repeated.
    pub headers: BTreeMap<String, String>,
}

impl Seen {
    /// The SPIFFE ID of the caller, as the server's proxy verified it.
    pub fn peer(&self) -> Option<&str> {
        let client = self.headers.get("x-forwarded-client-cert")?;
        client.split(';').find_map(|part| part.strip_prefix("URI="))
    }
}

struct App {
    name: String,
    tried: Mutex<BTreeSet<String>>,
}

#[derive(Deserialize)]
struct Behaviour {
    /// Wait so many milliseconds before answering.
    ms: Option<u64>,
    /// Answer 503 to the first request with this key.
    once: Option<String>,
}

/// Serves until the process ends.
pub async fn run(args: Args) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen at {}", args.listen))?;
    let app = Arc::new(App { name: args.name, tried: Mutex::default() });
    axum::serve(listener, Router::new().fallback(answer).with_state(app)).await?;
    Ok(())
}

async fn answer(
    State(app): State<Arc<App>>,
    Query(behaviour): Query<Behaviour>,
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
) -> (StatusCode, Json<Seen>) {
    if let Some(ms) = behaviour.ms {
        tokio::time::sleep(Duration::from_millis(ms.min(10_000))).await;
    }
    let first = behaviour.once.is_some_and(|key| app.first(key));
    let status = if first { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let seen = Seen {
        workload: app.name.clone(),
        method: method.to_string(),
        path: uri.path_and_query().map_or("/".into(), ToString::to_string),
        protocol: format!("{version:?}"),
        headers: joined(&headers),
    };
    (status, Json(seen))
}

impl App {
    /// Returns whether this key comes for the first time. Remembers at most ten thousand.
    fn first(&self, key: String) -> bool {
        let mut tried = self.tried.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if tried.len() >= 10_000 {
            tried.clear();
        }
        tried.insert(key)
    }
}

fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.entry(name.to_string())
            .and_modify(|so_far| {
                so_far.push(',');
                so_far.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    all
}

//! An HTTP server, which may ask others for its answers.

use crate::caller::{Address, Caller};
use crate::ended_or_never;
use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;

struct Shop {
    name: String,
    next: Vec<Caller>,
    answers: AtomicU64,
}

/// Serves until the process is asked to end, and lets requests that are under way come to theirs.
pub(crate) async fn serve(listen: SocketAddr, name: String, next: &[Address]) -> Result<()> {
    let shop = Shop { name, next: next.iter().map(Caller::new).collect(), answers: AtomicU64::new(0) };
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/ready", get(async || "ready\n"))
        .fallback(answer)
        .with_state(Arc::new(shop));
    let listener = TcpListener::bind(listen).await.with_context(|| format!("listening at {listen}"))?;
    Ok(axum::serve(listener, router).with_graceful_shutdown(ended_or_never()).await?)
}

async fn answer(State(shop): State<Arc<Shop>>, uri: Uri, headers: HeaderMap) -> Json<Value> {
    shop.answers.fetch_add(1, Ordering::Relaxed);
    let caller = headers.get("x-forwarded-client-cert").and_then(|value| value.to_str().ok());
    let mut next = Vec::new();
    for caller in &shop.next {
        next.push(match caller.clone().ask().await {
            Ok(body) => serde_json::from_str(&body).unwrap_or(Value::String(body)),
            Err(error) => json!({"error": format!("{error:#}")}),
        });
    }
    Json(json!({"name": shop.name, "path": uri.path(), "caller": caller.map(identity), "next": next}))
}

/// The text format of Prometheus.
async fn metrics(State(shop): State<Arc<Shop>>) -> String {
    let answers = shop.answers.load(Ordering::Relaxed);
    format!(
        "# HELP shop_answers_total Requests answered.\n# TYPE shop_answers_total counter\nshop_answers_total {answers}\n"
    )
}

/// `URI=…` of a forwarded certificate.
fn identity(forwarded: &str) -> &str {
    forwarded.split(';').find_map(|part| part.strip_prefix("URI=")).unwrap_or(forwarded)
}

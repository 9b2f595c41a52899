//! The pages of the admin port.

use super::local;
use crate::drain::Drain;
use crate::registry::Registry as Clients;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use heddle_model::text::{SHOWN_BYTES, printable};
use prometheus_client::registry::Registry as Metrics;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A debug page: its query in, JSON out; `None` where there is nothing of that key.
pub type Page = Arc<dyn Fn(&BTreeMap<String, String>) -> Option<Value> + Send + Sync>;

/// The log level, as the process's subscriber spells it.
pub trait LogLevel: Send + Sync + 'static {
    /// The filter in force.
    fn get(&self) -> String;
    /// Puts a filter in force.
    ///
    /// # Errors
    /// Says what is wrong with the filter.
    fn set(&self, filter: &str) -> Result<(), String>;
}

/// The pages. `/live`, `/ready` and `/metrics` are for whoever reaches the port; `/debug/…` for loopback.
#[derive(Clone)]
pub struct Pages {
    /// The things that readiness waits for, in words; empty when ready.
    pub waiting: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
    /// The things that an operator should see to, in words; they do not keep the process from being ready.
    pub warnings: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
    /// The metrics of the whole process.
    pub metrics: Arc<Metrics>,
    /// The connected clients: `/debug/clients`.
    pub clients: Arc<Clients>,
    /// More pages, by the name after `/debug/`: `snapshot`, `watches`, `why`.
    pub debug: BTreeMap<&'static str, Page>,
    /// `/debug/log`.
    pub log: Option<Arc<dyn LogLevel>>,
}

#[derive(Clone)]
struct Context {
    pages: Arc<Pages>,
    drain: Drain,
}

impl Pages {
    pub(super) fn router(self, drain: Drain) -> Router {
        let debug = Router::new()
            .route("/debug", get(index))
            .route("/debug/clients", get(clients))
            .route("/debug/log", get(log).post(set_log).put(set_log))
            .route("/debug/{page}", get(debug))
            .layer(axum::middleware::from_fn(local::only));
        Router::new()
            .route("/live", get(|| async { "live\n" }))
            .route("/ready", get(ready))
            .route("/metrics", get(metrics))
            .merge(debug)
            .with_state(Context { pages: Arc::new(self), drain })
    }
}

async fn ready(State(context): State<Context>) -> Response {
    let mut waiting = (context.pages.waiting)();
    if context.drain.has_begun() {
        waiting.push("nothing: the process is shutting down".into());
    }
    let code = if waiting.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let warnings = (context.pages.warnings)();
    let page = json!({ "ready": waiting.is_empty(), "waiting": waiting, "warnings": warnings });
    (code, Json(page)).into_response()
}

async fn metrics(State(context): State<Context>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &context.pages.metrics) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n").into_response(),
    }
}

async fn index(State(context): State<Context>) -> Json<Value> {
    let own = ["clients", "log"].into_iter();
    let names: Vec<String> =
        own.chain(context.pages.debug.keys().copied()).map(|name| format!("/debug/{name}")).collect();
    Json(json!(names))
}

async fn clients(State(context): State<Context>) -> Response {
    Json(context.pages.clients.view()).into_response()
}

async fn debug(
    State(context): State<Context>,
    Path(name): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let Some(page) = context.pages.debug.get(name.as_str()) else {
        return (StatusCode::NOT_FOUND, "no such page: see /debug\n").into_response();
    };
    match page(&query) {
        Some(value) => Json(value).into_response(),
        None => (StatusCode::NOT_FOUND, "nothing is known by that key\n").into_response(),
    }
}

async fn log(State(context): State<Context>) -> Response {
    match &context.pages.log {
        Some(level) => format!("{}\n", level.get()).into_response(),
        None => (StatusCode::NOT_FOUND, "the log level is fixed\n").into_response(),
    }
}

async fn set_log(
    State(context): State<Context>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let Some(level) = &context.pages.log else {
        return (StatusCode::NOT_FOUND, "the log level is fixed\n").into_response();
    };
    let Some(filter) = query.get("filter") else {
        return (StatusCode::BAD_REQUEST, "want ?filter=<directives>, as in heddle=debug,info\n")
            .into_response();
    };
    match level.set(filter) {
        Ok(()) => {
            let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("-");
            let (filter, agent) = (printable(filter, SHOWN_BYTES), printable(agent, SHOWN_BYTES));
            tracing::info!(filter, agent, "log filter changed");
            format!("{}\n", level.get()).into_response()
        }
        Err(text) => (StatusCode::BAD_REQUEST, format!("{text}\n")).into_response(),
    }
}

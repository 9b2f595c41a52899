//! The workloads of the example shop: one program, whose arguments say which it is.

use anyhow::{Context, Result, ensure};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::get as get_method;
use axum::{Json, Router};
use clap::{Parser, Subcommand};
use http_body_util::{BodyExt as _, Empty};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

/// The time that a call may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A workload of the example shop.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Answer HTTP requests with who answers and who, as its proxy says, has called
    Serve {
        /// The name in the answers
        #[arg(long)]
        name: String,
        /// The address to listen at
        #[arg(long, default_value = "[::]:8080")]
        listen: SocketAddr,
        /// The URL of the service that is asked for each answer
        #[arg(long)]
        next: Option<Uri>,
    },
    /// Ask a URL once, print the status and the answer, and fail unless it is 200
    Get {
        /// The URL
        url: Uri,
    },
    /// Ask a URL over and over, then print how many requests were sent and how each failure reads, as JSON
    Load {
        /// The URL
        url: Uri,
        /// The time after which to stop
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// The number of requests that are under way at one time
        #[arg(long, default_value_t = 4)]
        callers: u64,
    },
    /// Wait for SIGTERM or SIGINT: the container that holds a Pod's namespaces
    Pause,
}

type HttpClient = Client<HttpConnector, Empty<Bytes>>;

struct Shop {
    name: String,
    client: HttpClient,
    next: Option<Uri>,
    answers: AtomicU64,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Args::parse().role {
        Role::Serve { name, listen, next } => {
            serve(listen, Shop { name, client: client(), next, answers: AtomicU64::new(0) }).await
        }
        Role::Get { url } => {
            let (status, body) = get(&client(), &url).await?;
            println!("{status} {body}");
            ensure!(status == 200, "the answer is {status}");
            Ok(())
        }
        Role::Load { url, seconds, callers } => {
            println!("{}", load(&url, Duration::from_secs(seconds), callers).await?);
            Ok(())
        }
        Role::Pause => ended().await,
    }
}

async fn serve(listen: SocketAddr, shop: Shop) -> Result<()> {
    let router =
        Router::new().route("/metrics", get_method(metrics)).fallback(answer).with_state(Arc::new(shop));
    let listener = TcpListener::bind(listen).await.with_context(|| format!("listening at {listen}"))?;
    let served = axum::serve(listener, router).with_graceful_shutdown(async {
        // Whoever cannot hear signals serves until it is killed.
        if ended().await.is_err() {
            std::future::pending().await
        }
    });
    Ok(served.await?)
}

async fn answer(State(shop): State<Arc<Shop>>, uri: Uri, headers: HeaderMap) -> Json<Value> {
    shop.answers.fetch_add(1, Ordering::Relaxed);
    let caller = headers.get("x-forwarded-client-cert").and_then(|value| value.to_str().ok());
    let next = match &shop.next {
        Some(next) => match get(&shop.client, next).await {
            Ok((status, body)) => {
                json!({"status": status, "answer": serde_json::from_str(&body).unwrap_or(Value::String(body))})
            }
            Err(error) => json!({"error": format!("{error:#}")}),
        },
        None => Value::Null,
    };
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

fn client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Asks until the time is up.
async fn load(url: &Uri, time: Duration, callers: u64) -> Result<Value> {
    let end = Instant::now() + time;
    let mut all = JoinSet::new();
    for _ in 0..callers {
        let url = url.clone();
        all.spawn(async move {
            let (client, mut sent, mut failures) = (client(), 0_u64, BTreeMap::<String, u64>::new());
            while Instant::now() < end {
                sent += 1;
                let failure = match get(&client, &url).await {
                    Ok((200, _)) => continue,
                    Ok((status, body)) => format!("{status} {body}"),
                    Err(error) => format!("{error:#}"),
                };
                *failures.entry(failure).or_default() += 1;
            }
            (sent, failures)
        });
    }
    let (mut sent, mut failures) = (0, BTreeMap::<String, u64>::new());
    while let Some(caller) = all.join_next().await {
        let (more, failed) = caller?;
        sent += more;
        for (text, count) in failed {
            *failures.entry(text).or_default() += count;
        }
    }
    Ok(json!({"sent": sent, "failed": failures.values().sum::<u64>(), "failures": failures}))
}

async fn get(client: &HttpClient, url: &Uri) -> Result<(u16, String)> {
    let exchange = async {
        let response = client.get(url.clone()).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok::<_, anyhow::Error>((status, String::from_utf8_lossy(&body).trim().to_owned()))
    };
    let late = || format!("no answer from {url} within {PATIENCE:?}");
    tokio::time::timeout(PATIENCE, exchange).await.with_context(late)?.with_context(|| url.to_string())
}

async fn ended() -> Result<()> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(())
}

//! The workloads of the example shop: one program, whose arguments say which it is.

use anyhow::{Context, Result, ensure};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Json, Router};
use clap::{Parser, Subcommand};
use http_body_util::{BodyExt as _, Empty};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

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
    /// Wait for SIGTERM or SIGINT: the container that holds a Pod's namespaces
    Pause,
}

struct Shop {
    name: String,
    next: Option<Uri>,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Args::parse().role {
        Role::Serve { name, listen, next } => serve(listen, Shop { name, next }).await,
        Role::Get { url } => {
            let (status, body) = get(&url).await?;
            println!("{status} {body}");
            ensure!(status == 200, "the answer is {status}");
            Ok(())
        }
        Role::Pause => ended().await,
    }
}

async fn serve(listen: SocketAddr, shop: Shop) -> Result<()> {
    let router = Router::new().fallback(answer).with_state(Arc::new(shop));
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
    let caller = headers.get("x-forwarded-client-cert").and_then(|value| value.to_str().ok());
    let next = match &shop.next {
        Some(next) => match get(next).await {
            Ok((status, body)) => {
                json!({"status": status, "answer": serde_json::from_str(&body).unwrap_or(Value::String(body))})
            }
            Err(error) => json!({"error": format!("{error:#}")}),
        },
        None => Value::Null,
    };
    Json(json!({"name": shop.name, "path": uri.path(), "caller": caller.map(identity), "next": next}))
}

/// `URI=…` of a forwarded certificate.
fn identity(forwarded: &str) -> &str {
    forwarded.split(';').find_map(|part| part.strip_prefix("URI=")).unwrap_or(forwarded)
}

async fn get(url: &Uri) -> Result<(u16, String)> {
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
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

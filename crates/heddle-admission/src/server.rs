//! The webhook's server. Whoever reaches the port may ask: the API server shows no credential, and what is answered
//! follows from what was asked.

use crate::choice::Asked;
use crate::review::review;
use crate::settings::InjectorSettings;
use crate::validate::validate;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tower::limit::ConcurrencyLimitLayer;

/// Connections at once. One more is closed: the API servers of a cluster keep a few each.
const CONNECTIONS: usize = 64;
/// Reviews that are read or answered at once. More wait.
const REVIEWS: usize = 8;
/// Bytes of one review: the API server takes objects of 1.5 MiB, and a review has the old one too.
const REVIEW_BYTES: usize = 4 << 20;
/// The time that a handshake may take, and how long a connection may rest.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The TLS settings in force.
pub type TlsConfig = Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>;

/// Returns the pages, one for each of the webhook's entries: for Pods of labelled namespaces, by the label's value, and for Pods
/// with a label of their own; below `/enforced` the same for namespaces that refuse the capture container. `/validate` is for objects.
fn router(settings: Arc<InjectorSettings>) -> Router {
    Router::new()
        .route("/inject/pod", post(for_pod::<false>))
        .route("/inject/namespace/{value}", post(for_namespace::<false>))
        .route("/enforced/pod", post(for_pod::<true>))
        .route("/enforced/namespace/{value}", post(for_namespace::<true>))
        .route("/validate", post(for_object))
        .layer(ConcurrencyLimitLayer::new(REVIEWS))
        .layer(DefaultBodyLimit::max(REVIEW_BYTES))
        .with_state(settings)
}

type Answer = Result<Json<Value>, (StatusCode, &'static str)>;

async fn for_pod<const ENFORCED: bool>(
    State(settings): State<Arc<InjectorSettings>>,
    Json(body): Json<Value>,
) -> Answer {
    answer(&body, Asked { of_namespace: None, enforced: ENFORCED }, &settings)
}

async fn for_namespace<const ENFORCED: bool>(
    State(settings): State<Arc<InjectorSettings>>,
    Path(value): Path<String>,
    Json(body): Json<Value>,
) -> Answer {
    answer(&body, Asked { of_namespace: Some(&value), enforced: ENFORCED }, &settings)
}

async fn for_object(Json(body): Json<Value>) -> Answer {
    validate(&body).map(Json).map_err(|why| (StatusCode::BAD_REQUEST, why))
}

fn answer(body: &Value, asked: Asked<'_>, settings: &InjectorSettings) -> Answer {
    review(body, asked, settings).map(Json).map_err(|why| (StatusCode::BAD_REQUEST, why))
}

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener, tls: TlsConfig, settings: InjectorSettings) {
    let router = router(Arc::new(settings));
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok((socket, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(permit) = connections.clone().try_acquire_owned() else { continue };
        let (router, tls) = (router.clone(), tls());
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(error) = talk(socket, tls, router).await {
                tracing::debug!(%peer, error, "admission connection ended");
            }
        });
    }
}

async fn talk(socket: TcpStream, tls: Arc<ServerConfig>, router: Router) -> Result<(), String> {
    let mut config = ServerConfig::clone(&tls);
    // The API server calls webhooks by HTTP/1.1, and asks for nothing else.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let shake = tokio::time::timeout(TIMEOUT, TlsAcceptor::from(Arc::new(config)).accept(socket));
    let stream =
        shake.await.map_err(|_| "the handshake took too long")?.map_err(|error| error.to_string())?;
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(TIMEOUT);
    http.http2().timer(TokioTimer::new()).keep_alive_interval(TIMEOUT).keep_alive_timeout(TIMEOUT);
    http.http2().max_concurrent_streams(32).max_header_list_size(16 << 10);
    let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    served.await.map_err(|error| error.to_string())
}

//! The admin port: whether the process lives and is ready, its metrics, and what it knows.

mod local;
mod pages;

pub use pages::{LogLevel, Page, Pages};

use crate::drain::Drain;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// Connections at once. One more is closed.
const CONNECTIONS: usize = 64;
/// Pages rendered at once. More wait.
const RENDERING: usize = 4;
/// The time that a request may take, and how long its headers may take to come.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The address of the asker, in the extensions of every request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker(pub(crate) SocketAddr);

/// Serves the pages on `listener` until draining has been forced or nothing but this runs.
///
/// Keeps answering while the process drains, so that readiness is seen to fail.
pub async fn serve(listener: TcpListener, pages: Pages, drain: Drain) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let rendering = Arc::new(Semaphore::new(RENDERING));
    let bound = axum::middleware::from_fn(move |request, next| bounded(rendering.clone(), request, next));
    let router = pages.router(drain.clone()).layer(bound);
    let forced = drain.forced();
    loop {
        let accepted = tokio::select! {
            () = forced.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((socket, address)) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(permit) = connections.clone().try_acquire_owned() else { continue };
        let (router, forced) = (router.clone(), forced.clone());
        tokio::spawn(async move {
            let _permit = permit;
            tokio::select! {
                () = forced.cancelled() => {}
                () = talk(socket, address, router) => {}
            }
        });
    }
}

/// One connection, to its end. What goes wrong on it is its client's to notice.
async fn talk(socket: TcpStream, address: SocketAddr, router: axum::Router) {
    let service = router.map_request(move |request: http::Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Asker(address));
        request
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(TIMEOUT);
    let served = builder.serve_connection(TokioIo::new(socket), TowerToHyperService::new(service)).await;
    if let Err(error) = served {
        tracing::trace!(peer = %address, %error, "admin connection broke");
    }
}

/// A few at a time, and none for ever.
async fn bounded(rendering: Arc<Semaphore>, request: Request, next: Next) -> Response {
    let answer = async {
        let _permit = rendering.acquire().await;
        next.run(request).await
    };
    match tokio::time::timeout(TIMEOUT, answer).await {
        Ok(response) => response,
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the page took too long\n").into_response(),
    }
}

#[cfg(test)]
mod tests;

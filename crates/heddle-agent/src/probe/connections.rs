//! The connections of whoever probes: few at once, and none for long.
//!
//! The port may be open to a whole network. Whatever comes there takes no descriptor from what renews certificates,
//! and does not keep a prober from being answered: where too many are open, the oldest is closed.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Connections at once.
const CONNECTIONS: usize = 64;
/// The time that a connection may take from its first byte to its last.
const LIFETIME: Duration = Duration::from_secs(10);
/// The time to wait after the kernel could not accept (usually: no file descriptor left).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves until it is dropped, which closes all connections.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let mut open = Open::default();
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                failing = false;
                open.push(talk(socket, router.clone()));
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot accept a probe, will retry");
                }
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// One request on one connection. What goes wrong on it is its client's to notice.
async fn talk(socket: TcpStream, router: Router) {
    let service = TowerToHyperService::new(router);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(LIFETIME).keep_alive(false).max_buf_size(8 * 1024);
    let served = builder.serve_connection(TokioIo::new(socket), service);
    if let Ok(Err(error)) = tokio::time::timeout(LIFETIME, served).await {
        tracing::trace!(%error, "probe connection broke");
    }
}

/// The connections that are open, the oldest first.
#[derive(Default)]
struct Open {
    tasks: JoinSet<()>,
    order: VecDeque<AbortHandle>,
}

impl Open {
    /// Adds a connection. Closes the oldest where there are too many.
    fn push(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        self.order.retain(|task| !task.is_finished());
        if self.order.len() >= CONNECTIONS
            && let Some(oldest) = self.order.pop_front()
        {
            oldest.abort();
        }
        self.order.push_back(self.tasks.spawn(connection));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn start() -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(serve(listener, Router::new().route("/live", get(async || "live\n"))));
        address
    }

    /// A request may keep its connection, as a client that knows HTTP/1.1 does.
    async fn live(address: std::net::SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it is accepted");
        stream.write_all(b"GET /live HTTP/1.1\r\nhost: any\r\n\r\n").await.expect("it is read");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it is answered and closed");
        answer
    }

    #[tokio::test]
    async fn a_flood_of_silent_connections_closes_the_oldest_and_hides_no_probe() {
        let address = start().await;
        let mut flood = Vec::new();
        for _ in 0..3 * CONNECTIONS {
            flood.push(TcpStream::connect(address).await.expect("it is accepted"));
        }
        assert!(live(address).await.ends_with("\r\nlive\n"));
        for mut oldest in flood.drain(..2 * CONNECTIONS) {
            assert_eq!(oldest.read(&mut [0]).await.map_err(|error| error.kind()), Ok(0));
        }
    }

    #[tokio::test]
    async fn a_connection_answers_once() {
        let answer = live(start().await).await;
        assert!(answer.contains("connection: close\r\n") && answer.ends_with("live\n"), "{answer}");
    }
}

//! Accepting connections: bounds first, then the handshake, then the identity.

use crate::connection::{Connection, Io, Permits};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::peer::{Activity, BadLeaf, Leaf, Peer};
use crate::quota::{Held, Quota};
use crate::tls::Tls;
use heddle_model::Identity;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// How long to wait after the kernel could not accept (usually: no file descriptor left).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What connections are secured with.
#[derive(Clone, Debug)]
pub enum Security {
    /// TLS, with or without client certificates.
    Tls(Arc<Tls>),
    /// Nothing: only on a loopback address, for tests and for a relay on the same machine.
    Plain,
}

/// Why a listener cannot be served on.
#[derive(Debug, thiserror::Error)]
pub enum BadListener {
    /// Plain text may not leave the machine.
    #[error("plain text is served on loopback only, not on {0}")]
    PlainText(SocketAddr),
    /// The listener has no address.
    #[error("the listener has no address: {0}")]
    Address(#[from] io::Error),
}

/// Accepts until told to stop.
pub(crate) struct Acceptor {
    listener: TcpListener,
    security: Security,
    gate: Arc<Gate>,
}

/// The bounds that a connection passes.
struct Gate {
    limits: Limits,
    metrics: Metrics,
    connections: Arc<Semaphore>,
    addresses: Arc<Quota<IpAddr>>,
    identities: Arc<Quota<Identity>>,
}

/// Why a connection was not served. The label is one of [`crate::metrics::CONNECTION_REASONS`].
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the handshake took too long")]
    Slow,
    #[error("the handshake failed: {0}")]
    Handshake(#[from] io::Error),
    #[error("{0}")]
    Leaf(#[from] BadLeaf),
    #[error("{0} has too many connections")]
    Identity(Identity),
}

impl Acceptor {
    /// Checks that `listener` may be served on.
    pub(crate) fn new(
        listener: TcpListener,
        security: Security,
        limits: Limits,
        metrics: Metrics,
    ) -> Result<Self, BadListener> {
        let address = listener.local_addr()?;
        if matches!(security, Security::Plain) && !address.ip().is_loopback() {
            return Err(BadListener::PlainText(address));
        }
        let gate = Gate {
            connections: Arc::new(Semaphore::new(limits.connections)),
            addresses: Quota::new(limits.connections_per_address),
            identities: Quota::new(limits.connections_per_identity),
            limits,
            metrics,
        };
        Ok(Self { listener, security, gate: Arc::new(gate) })
    }

    /// Sends every connection that passed the gate, until `stop` or until nobody receives.
    pub(crate) async fn run(self, ready: mpsc::Sender<io::Result<Connection>>, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, address)) => self.admit(socket, address, &ready, &stop),
                Err(error) => {
                    self.gate.metrics.connection_refused("accept");
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// Passes one socket through the gate, in a task of its own. A socket beyond the bounds is closed.
    fn admit(
        &self,
        socket: TcpStream,
        address: SocketAddr,
        ready: &mpsc::Sender<io::Result<Connection>>,
        stop: &CancellationToken,
    ) {
        let Some((connection, held)) = self.gate.permit(address.ip()) else { return };
        let permits = Permits::new(connection, held, self.gate.metrics.clone());
        let (gate, security, ready, stop) =
            (self.gate.clone(), self.security.clone(), ready.clone(), stop.clone());
        tokio::spawn(async move {
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = gate.open(socket, address, security, permits) => outcome,
            };
            match outcome {
                Ok(connection) => drop(ready.send(Ok(connection)).await),
                Err(refused) => {
                    gate.metrics.connection_refused(refused.label());
                    tracing::debug!(peer = %address, error = %refused, "connection refused");
                }
            }
        });
    }
}

impl Gate {
    fn permit(&self, address: IpAddr) -> Option<(tokio::sync::OwnedSemaphorePermit, Held<IpAddr>)> {
        let Ok(connection) = self.connections.clone().try_acquire_owned() else {
            self.metrics.connection_refused("connections");
            return None;
        };
        let Some(held) = self.addresses.take(address) else {
            self.metrics.connection_refused("address");
            return None;
        };
        Some((connection, held))
    }

    async fn open(
        &self,
        socket: TcpStream,
        address: SocketAddr,
        security: Security,
        mut permits: Permits,
    ) -> Result<Connection, Refused> {
        socket.set_nodelay(true)?;
        let (io, leaf) = match security {
            Security::Plain => (Io::Plain(socket), None),
            Security::Tls(tls) => {
                let handshake = TlsAcceptor::from(tls.current()).accept(socket);
                let slow = |_| Refused::Slow;
                let stream = tokio::time::timeout(self.limits.handshake, handshake).await.map_err(slow)??;
                let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
                let leaf = certificates.first().map(|der| Leaf::parse(der)).transpose()?;
                (Io::Tls(Box::new(stream)), leaf)
            }
        };
        if let Some(leaf) = &leaf {
            let identity = leaf.identity.clone();
            let held = self.identities.take(identity.clone()).ok_or(Refused::Identity(identity))?;
            permits.identity = Some(held);
        }
        let peer = Peer { address, leaf: leaf.map(Arc::new), activity: Activity::new() };
        Ok(Connection::new(io, peer, permits, self.limits.idle))
    }
}

impl Refused {
    fn label(&self) -> &'static str {
        match self {
            Self::Slow | Self::Handshake(_) | Self::Leaf(_) => "handshake",
            Self::Identity(_) => "identity",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(address: &str, want: Result<(), &str>) {
        let listener = TcpListener::bind(address).await.unwrap();
        let metrics = Metrics::new(&mut prometheus_client::registry::Registry::default(), "", "");
        let got = Acceptor::new(listener, Security::Plain, Limits::default(), metrics).map(drop);
        let got = got.map_err(|error| error.to_string().split_inclusive(':').next().unwrap().to_string());
        assert_eq!(got, want.map_err(String::from));
    }

    #[tokio::test]
    async fn plain_text_does_not_leave_the_machine() {
        check("127.0.0.1:0", Ok(())).await;
        check("0.0.0.0:0", Err("plain text is served on loopback only, not on 0.0.0.0:")).await;
    }
}

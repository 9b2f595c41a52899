//! Accepting connections: bounds first, then the handshake, then the identity.

use crate::calls::{Answer, Calls};
use crate::connection::{Connection, Io};
use crate::drain::Drain;
use crate::gate::Gate;
use crate::limits::Limits;
use crate::metered::Metered;
use crate::metrics::Metrics;
use crate::peer::{Activity, BadLeaf, Leaf, Peer};
use crate::refusal::Refusal;
use crate::tls::Tls;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The time to wait after the kernel could not accept (usually: no file descriptor left).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The security of connections.
#[derive(Clone, Debug)]
pub enum Security {
    /// TLS, with or without client certificates.
    Tls(Arc<Tls>),
    /// Nothing: only on a loopback address, for tests and for a relay on the same machine.
    Plain,
}

/// The reason for which a listener cannot be served on.
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
    limits: Arc<Limits>,
    metrics: Metrics,
    gate: Arc<Gate>,
}

/// The steps by which one socket becomes a connection.
struct Handshake {
    security: Security,
    limits: Arc<Limits>,
    gate: Arc<Gate>,
}

/// The reason for which a connection was not served. The label is one of [`crate::metrics::CONNECTION_REASONS`].
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the handshake took too long")]
    Slow,
    #[error("the handshake failed: {0}")]
    Handshake(#[from] io::Error),
    #[error("{0}")]
    Leaf(#[from] BadLeaf),
    /// Counted by the gate.
    #[error("{0}")]
    Gate(#[from] Refusal),
    #[error("its place is needed for another")]
    Evicted,
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
        let gate = Gate::new(&limits, metrics.clone());
        Ok(Self { listener, security, limits: Arc::new(limits), metrics, gate })
    }

    /// Serves every connection that comes until `stop`, and waits for those that are there then.
    pub(crate) async fn run(self, services: Arc<dyn Answer>, drain: Drain) {
        let (stop, forced) = (drain.token(), drain.forced());
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, address)) => {
                    let served = self.serve(socket, address, services.clone(), stop.clone());
                    let forced = forced.clone();
                    connections.spawn(async move {
                        tokio::select! {
                            () = served => {}
                            () = forced.cancelled() => {}
                        }
                    });
                }
                Err(error) => {
                    self.metrics.connection_refused("accept");
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
        // Nothing new is to wait in the kernel's queue for somebody to accept it.
        drop(self.listener);
        connections.close();
        connections.wait().await;
    }

    /// One socket, from the first byte to the last.
    fn serve(
        &self,
        socket: TcpStream,
        address: SocketAddr,
        services: Arc<dyn Answer>,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let handshake = Handshake {
            security: self.security.clone(),
            limits: self.limits.clone(),
            gate: self.gate.clone(),
        };
        let metrics = self.metrics.clone();
        async move {
            let opened = tokio::select! {
                () = stop.cancelled() => return,
                opened = handshake.open(socket, address) => opened,
            };
            match opened {
                Ok((connection, peer)) => {
                    let closed = connection.serve(Calls::new(peer, services), stop).await;
                    if let Some(closing) = closed {
                        if let Some(label) = closing.label() {
                            metrics.connection_refused(label);
                        }
                        tracing::debug!(peer = %address, ?closing, "connection closed");
                    }
                }
                Err(refused) => {
                    if let Some(label) = refused.label() {
                        metrics.connection_refused(label);
                    }
                    tracing::debug!(peer = %address, error = %refused, "connection refused");
                }
            }
        }
    }
}

impl Handshake {
    async fn open(self, socket: TcpStream, address: SocketAddr) -> Result<(Connection, Peer), Refused> {
        let accepted = Instant::now();
        let standing = self.gate.admit(address.ip());
        socket.set_nodelay(true)?;
        let socket = Metered::new(socket, standing.clone(), self.limits.unproven_bytes);
        let secured =
            tokio::time::timeout(self.limits.handshake.min(self.limits.proof), secure(socket, self.security));
        let (io, leaf) = tokio::select! {
            () = standing.evicted() => return Err(Refused::Evicted),
            secured = secured => secured.map_err(|_| Refused::Slow)??,
        };
        if let Some(leaf) = &leaf {
            standing.prove(&leaf.identity)?;
        }
        let peer = Peer { address, leaf: leaf.map(Arc::new), activity: Activity::new(), standing };
        Ok((Connection::new(io, peer.clone(), self.limits, accepted), peer))
    }
}

async fn secure(socket: Metered, security: Security) -> Result<(Io, Option<Leaf>), Refused> {
    match security {
        Security::Plain => Ok((Io::Plain(socket), None)),
        Security::Tls(tls) => {
            let stream = TlsAcceptor::from(tls.current()).accept(socket).await?;
            let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
            let leaf = certificates.first().map(|der| Leaf::parse(der)).transpose()?;
            Ok((Io::Tls(Box::new(stream)), leaf))
        }
    }
}

impl Refused {
    fn label(&self) -> Option<&'static str> {
        match self {
            Self::Slow | Self::Handshake(_) | Self::Leaf(_) => Some("handshake"),
            Self::Gate(_) | Self::Evicted => None,
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

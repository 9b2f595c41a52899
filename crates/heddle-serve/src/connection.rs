//! One accepted connection: its bytes, its peer, and what it holds until it closes.

use crate::clock::{Clock, WallClock};
use crate::metrics::Metrics;
use crate::peer::{Activity, Leaf, Peer};
use crate::quota::Held;
use heddle_model::Identity;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

/// A connection that is ready for HTTP/2.
pub(crate) struct Connection {
    io: Io,
    peer: Peer,
    idle: Idle,
    _permits: Permits,
}

/// The bytes of a connection.
pub(crate) enum Io {
    /// On loopback only, and only where it was asked for.
    Plain(TcpStream),
    /// TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// What a connection holds of the bounds.
pub(crate) struct Permits {
    /// Taken once the peer has shown who it is.
    pub(crate) identity: Option<Held<Identity>>,
    _connection: OwnedSemaphorePermit,
    _address: Held<IpAddr>,
    metrics: Metrics,
}

/// Closes a connection that has been without a stream for too long, and one whose certificate has expired: its peer
/// would go on to ask over it, with a certificate that counts no more.
struct Idle {
    timer: Pin<Box<Sleep>>,
    limit: Duration,
    expires: Option<Instant>,
    activity: Arc<Activity>,
}

impl Permits {
    pub(crate) fn new(connection: OwnedSemaphorePermit, address: Held<IpAddr>, metrics: Metrics) -> Self {
        metrics.connection_opened();
        Self { identity: None, _connection: connection, _address: address, metrics }
    }
}

impl Drop for Permits {
    fn drop(&mut self) {
        self.metrics.connection_closed();
    }
}

impl Connection {
    pub(crate) fn new(io: Io, peer: Peer, permits: Permits, idle: Duration) -> Self {
        let idle = Idle::new(&peer, idle);
        Self { io, peer, idle, _permits: permits }
    }
}

impl Idle {
    fn new(peer: &Peer, limit: Duration) -> Self {
        let activity = peer.activity.clone();
        // By the machine's clock, as the handshake was.
        let left = |leaf: &Arc<Leaf>| leaf.not_after.duration_since(WallClock.now()).unwrap_or_default();
        let expires = peer.leaf.as_ref().map(|leaf| Instant::now() + left(leaf));
        let mut idle = Self { timer: Box::pin(tokio::time::sleep(Duration::ZERO)), limit, expires, activity };
        let due = idle.due();
        idle.timer.as_mut().reset(due);
        idle
    }

    /// An error once the connection has been idle for too long; registers to be woken then.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.activity.is_parting() {
            let due = self.due();
            self.timer.as_mut().reset(due);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            let (due, now) = (self.due(), Instant::now());
            if due <= now {
                let expired = self.expires.is_some_and(|expires| expires <= now);
                let idle = "the connection had no stream for too long";
                let text = if expired { "the client certificate has expired" } else { idle };
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            self.timer.as_mut().reset(due);
        }
        Ok(())
    }

    /// When the connection closes, if no stream starts.
    fn due(&self) -> Instant {
        let idle = self.activity.idle_at(self.limit);
        self.expires.map_or(idle, |expires| expires.min(idle))
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.idle.check(cx)?;
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Io::Tls(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.idle.check(cx)?;
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Io::Tls(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_flush(cx),
            Io::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Io::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.idle.check(cx)?;
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Io::Tls(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(io) => io.is_write_vectored(),
            Io::Tls(io) => io.is_write_vectored(),
        }
    }
}

//! One accepted connection: its bytes, its peer, and what it holds until it closes.

use crate::metrics::Metrics;
use crate::peer::{Activity, Peer};
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
use tokio::time::Sleep;
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

/// Closes a connection that has been without a stream for too long.
struct Idle {
    timer: Pin<Box<Sleep>>,
    limit: Duration,
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
        let activity = peer.activity.clone();
        let timer = Box::pin(tokio::time::sleep_until(activity.idle_at(idle)));
        Self { io, peer, idle: Idle { timer, limit: idle, activity }, _permits: permits }
    }
}

impl Idle {
    /// An error once the connection has been idle for too long; registers to be woken then.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.activity.is_parting() {
            self.timer.as_mut().reset(self.activity.idle_at(self.limit));
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            let due = self.activity.idle_at(self.limit);
            if due <= tokio::time::Instant::now() {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the connection had no stream for too long",
                ));
            }
            self.timer.as_mut().reset(due);
        }
        Ok(())
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

//! One accepted connection: its bytes, its peer, and how long it is served.

use crate::calls::Calls;
use crate::clock::{Clock, WallClock};
use crate::limits::Limits;
use crate::metered::Metered;
use crate::peer::{Leaf, Peer};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// HTTP/2 header bytes of one request, 32 for each header among them: a token is most of them.
const HEADER_BYTES: u32 = 8 * 1024;
/// Bytes that a stream may send ahead of being read, and those of a peer that has not proved who it is.
const STREAM_WINDOW: u32 = 32 * 1024;
const UNPROVEN_STREAM_WINDOW: u32 = 8 * 1024;
/// Bytes that all streams of a connection may send ahead of being read: the least that HTTP/2 can say.
const CONNECTION_WINDOW: u32 = 65_535;
/// Bytes that wait in a stream to be written.
const SEND_BYTES: usize = 64 * 1024;
/// Streams that a client may have reset before they were looked at, or that broke the protocol, before its connection
/// is closed.
const RESET_STREAMS: usize = 32;
/// The time that a peer has to read why its connection closes.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection that is ready for HTTP/2.
pub(crate) struct Connection {
    io: Io,
    peer: Peer,
    limits: Arc<Limits>,
    /// The time at which it was accepted.
    accepted: Instant,
    /// The time at which its certificate expires.
    expires: Option<Instant>,
}

/// The bytes of a connection.
pub(crate) enum Io {
    /// On loopback only, and only where it was asked for.
    Plain(Metered),
    /// TLS.
    Tls(Box<TlsStream<Metered>>),
}

/// The reason for which a connection closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// It had no stream for too long, or its peer is better served elsewhere.
    Idle,
    /// A call was refused for what the connection is.
    Refused,
    /// Its peer would ask over it for ever, with a certificate that counts no more.
    Expired,
    /// Its peer did not prove in time who it is.
    Unproven,
    /// Its place is needed for another, and its peer has proved nothing.
    Evicted,
}

impl Closing {
    /// The metric's label; `None` for what refuses nobody, or is counted where another took its place.
    pub(crate) fn label(self) -> Option<&'static str> {
        match self {
            Self::Unproven => Some("unproven"),
            Self::Refused => Some("refused"),
            Self::Evicted | Self::Idle | Self::Expired => None,
        }
    }
}

impl Connection {
    pub(crate) fn new(io: Io, peer: Peer, limits: Arc<Limits>, accepted: Instant) -> Self {
        // By the machine's clock, as the handshake was.
        let left = |leaf: &Arc<Leaf>| leaf.not_after.duration_since(WallClock.now()).unwrap_or_default();
        let expires = peer.leaf.as_ref().map(|leaf| Instant::now() + left(leaf));
        Self { io, peer, limits, accepted, expires }
    }

    /// Answers its calls to the end: its peer's, or what [`Closing`] says. When `stop` comes it takes no more calls, and
    /// ends with the last of those that run. Returns why we closed it, if we did.
    pub(crate) async fn serve(self, calls: Calls, stop: CancellationToken) -> Option<Closing> {
        let Self { io, peer, limits, accepted, expires } = self;
        let life = Life { peer, limits: limits.clone(), proof_by: accepted + limits.proof, expires };
        let http = http(&limits, life.peer.leaf.is_some());
        let mut served = pin!(http.serve_connection(TokioIo::new(io), calls));
        let mut closing = pin!(life.closing());
        let (mut why, mut stopped, mut forced) = (None, false, None);
        loop {
            tokio::select! {
                _ended = &mut served => return why,
                () = stop.cancelled(), if !stopped => stopped = true,
                closing = &mut closing, if why.is_none() => {
                    why = Some(closing);
                    match closing {
                        Closing::Unproven | Closing::Evicted => return why,
                        Closing::Idle | Closing::Refused | Closing::Expired => {}
                    }
                    forced = Some(Instant::now() + FAREWELL);
                }
                () = sleep_until(forced.unwrap_or(accepted)), if forced.is_some() => return why,
            }
            served.as_mut().graceful_shutdown();
        }
    }
}

/// Returns how HTTP/2 is spoken with a peer that has shown a certificate, or has not: nothing of an unknown one is kept but
/// a few short lists of headers.
fn http(limits: &Limits, proven: bool) -> http2::Builder<TokioExecutor> {
    let (streams, window) = match proven {
        true => (limits.streams_per_connection, STREAM_WINDOW),
        false => (limits.streams_per_unproven_connection, UNPROVEN_STREAM_WINDOW),
    };
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES)
        .max_concurrent_streams(streams)
        .initial_stream_window_size(window)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BYTES)
        .max_pending_accept_reset_streams(RESET_STREAMS)
        .max_local_error_reset_streams(RESET_STREAMS)
        .keep_alive_interval(limits.keepalive)
        .keep_alive_timeout(limits.keepalive_timeout);
    builder
}

/// The time that a connection lives.
struct Life {
    peer: Peer,
    limits: Arc<Limits>,
    proof_by: Instant,
    expires: Option<Instant>,
}

impl Life {
    async fn closing(&self) -> Closing {
        tokio::select! {
            () = self.peer.standing.evicted() => Closing::Evicted,
            closing = self.over() => closing,
        }
    }

    async fn over(&self) -> Closing {
        loop {
            let mut changed = pin!(self.peer.activity.changed());
            changed.as_mut().enable();
            let (at, why) = self.due();
            if at <= Instant::now() {
                return why;
            }
            tokio::select! {
                () = sleep_until(at) => {}
                () = changed => {}
            }
        }
    }

    /// The time at which it closes, if nothing changes until then, and why.
    fn due(&self) -> (Instant, Closing) {
        let activity = &self.peer.activity;
        let unproven = (!self.peer.standing.is_proven()).then_some((self.proof_by, Closing::Unproven));
        let expired = self.expires.map(|at| (at, Closing::Expired));
        let refused = activity.is_refused().then(|| (Instant::now(), Closing::Refused));
        let idle = (activity.idle_at(self.limits.idle), Closing::Idle);
        [refused, unproven, expired]
            .into_iter()
            .flatten()
            .fold(idle, |first, other| if other.0 < first.0 { other } else { first })
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(io) => Pin::new(io).poll_flush(cx),
            Self::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Self::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Self::Tls(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(io) => io.is_write_vectored(),
            Self::Tls(io) => io.is_write_vectored(),
        }
    }
}

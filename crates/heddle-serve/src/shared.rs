//! The parts that the streams of every protocol share.

use crate::auth::Authenticate;
use crate::budget::Budgets;
use crate::clock::Clock;
use crate::drain::Drain;
use crate::engine::Engine;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::peer::Peer;
use crate::reception::Reception;
use crate::refusal_log::RefusalLog;
use crate::registry::Registry;
use std::sync::Arc;
use tonic::Status;

/// The parts of a server that its streams use, each once.
pub(crate) struct Shared<P> {
    pub(crate) engine: Engine<P>,
    pub(crate) tokens: Arc<dyn Authenticate>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) metrics: Metrics,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) drain: Drain,
    pub(crate) budgets: Budgets,
    pub(crate) reception: Arc<Reception>,
    pub(crate) refusals: Refusals,
}

/// The lines about streams that are refused: those of peers that proved nothing do not keep others out of the log.
pub(crate) struct Refusals {
    proven: RefusalLog,
    unproven: RefusalLog,
}

impl<P> Shared<P> {
    /// Counts and logs what a stream is refused or ends with.
    pub(crate) fn refused(&self, peer: &Peer, status: Status) -> Status {
        self.metrics.stream_refused(status.code());
        self.refusals.of(peer).line(|| {
            let (code, reason) = (status.code(), status.message());
            tracing::info!(peer = %peer.address, ?code, reason, "stream ended");
        });
        status
    }
}

impl Refusals {
    pub(crate) fn new() -> Self {
        Self { proven: RefusalLog::new("streams of callers"), unproven: RefusalLog::new("unproven callers") }
    }

    fn of(&self, peer: &Peer) -> &RefusalLog {
        if peer.standing.is_proven() { &self.proven } else { &self.unproven }
    }
}

//! Discovery over one stream per proxy, in both variants of the protocol.

mod drive;
mod hello;
mod lifetime;
mod open;
mod tally;
mod wire;

use crate::auth::{self, Authenticate};
use crate::budget::Budgets;
use crate::calls::Call;
use crate::clock::Clock;
use crate::drain::Drain;
use crate::engine::{Engine, Published};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::peer::Peer;
use crate::reception::Reception;
use crate::refusal::Ended;
use crate::refusal_log::RefusalLog;
use crate::registry::Registry;
use crate::replies;
use http::Response;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tonic::Status;
use tonic::body::Body;
use wire::Wire;
pub(crate) use wire::{Delta, Sotw};

/// The time that the last words of a stream may take to be read.
const FAREWELL: Duration = Duration::from_secs(5);

/// The shared part of all streams.
pub(crate) struct Shared<P> {
    pub(crate) engine: Engine<P>,
    pub(crate) tokens: Arc<dyn Authenticate>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) metrics: Metrics,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) drain: Drain,
    pub(crate) budgets: Budgets,
    pub(crate) refusals: Refusals,
    reception: Arc<Reception>,
}

/// The lines about streams that are refused: those of peers that proved nothing do not keep others out of the log.
#[derive(Clone, Debug)]
pub(crate) struct Refusals {
    proven: RefusalLog,
    unproven: RefusalLog,
}

impl Refusals {
    pub(crate) fn new() -> Self {
        Self { proven: RefusalLog::new("streams of callers"), unproven: RefusalLog::new("unproven callers") }
    }

    /// The log for what is said to `peer`.
    pub(crate) fn of(&self, peer: &Peer) -> &RefusalLog {
        if peer.standing.is_proven() { &self.proven } else { &self.unproven }
    }
}

/// The aggregated discovery service.
pub(crate) struct Discovery<P>(pub(crate) Arc<Shared<P>>);

impl<P: Published> Discovery<P> {
    /// Returns what a client reads. One response waits here, and one in HTTP/2's own buffer: a client that does not read
    /// costs no more.
    pub(crate) async fn open<W: Wire>(&self, call: Call) -> Result<Response<Body>, Status> {
        let shared = self.0.clone();
        let Call { peer, authorization, mut messages } = call;
        let running = peer.activity.start();
        if shared.drain.has_begun() {
            return Err(Ended::Draining.into());
        }
        if let Err(refusal) = shared.engine.fresh() {
            // On this connection it would come back to this replica for ever.
            peer.activity.part();
            return Err(shared.refused(&peer, refusal.into()));
        }
        let now = shared.clock.now();
        let caller = auth::caller(&peer, authorization.as_ref(), shared.tokens.as_ref(), now).await;
        let caller = caller.map_err(|refusal| shared.refused(&peer, refusal.into()))?;
        drop(authorization);
        messages.within(shared.reception.clone(), caller.identity.clone());
        let (sender, receiver) = mpsc::channel(1);
        let tasks = shared.drain.tasks().clone();
        tasks.spawn(async move {
            let _running = running;
            let outcome = open::run::<W, P>(&shared, caller, &peer, messages, &sender).await;
            if let Err(status) = outcome {
                let status = shared.refused(&peer, status);
                // Whoever does not read misses the reason.
                let _ = tokio::time::timeout(FAREWELL, sender.send(Err(status))).await;
            }
        });
        Ok(replies::stream(receiver))
    }
}

impl<P> Shared<P> {
    #[allow(clippy::too_many_arguments, reason = "the parts of a server, each once")]
    pub(crate) fn new(
        engine: Engine<P>,
        tokens: Arc<dyn Authenticate>,
        registry: Arc<Registry>,
        metrics: Metrics,
        limits: Limits,
        clock: Arc<dyn Clock>,
        drain: Drain,
    ) -> Self {
        let budgets = Budgets::new(&limits, metrics.clone());
        let reception = Reception::new(limits.reception_bytes, limits.request_bytes);
        let refusals = Refusals::new();
        Self { engine, tokens, registry, metrics, limits, clock, drain, budgets, refusals, reception }
    }

    /// Counts and logs what a stream ends with.
    fn refused(&self, peer: &Peer, status: Status) -> Status {
        self.metrics.stream_refused(status.code());
        self.refusals.of(peer).line(|| {
            let (code, reason) = (status.code(), status.message());
            tracing::info!(peer = %peer.address, ?code, reason, "stream ended");
        });
        status
    }
}

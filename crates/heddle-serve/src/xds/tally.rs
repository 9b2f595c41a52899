//! The metrics of one stream.

use crate::metrics::Metrics;
use heddle_session::{ResourceType, Response};
use tokio::time::Instant;

/// Counts for one stream, and takes back what it counted when dropped.
pub(super) struct Tally {
    metrics: Metrics,
    /// The newest response of each type whose acknowledgement is timed: its state, and when that came in.
    timed: [Option<(u64, Instant)>; 4],
    refusing: bool,
}

impl Tally {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, timed: [None; 4], refusing: false }
    }

    /// A response goes out. `since` is when the change came in, unless the client only just connected.
    pub(super) fn pushed(&mut self, response: &Response, bytes: usize, since: Option<Instant>) {
        self.metrics.pushed(response.ty.short(), bytes);
        if let Some(since) = since {
            let timed = &mut self.timed[response.ty as usize];
            *timed = Some((response.sequence, timed.map_or(since, |(_, earlier)| earlier)));
        }
    }

    /// A response was accepted. What followed it was sent before this came, and is timed on.
    pub(super) fn acked(&mut self, ty: ResourceType, sequence: u64) {
        let timed = &mut self.timed[ty as usize];
        if let Some((_, since)) = timed.take_if(|(sent, _)| *sent <= sequence) {
            self.metrics.converged(since.elapsed());
        }
    }

    pub(super) fn refused(&mut self, ty: ResourceType) {
        self.metrics.rejected(ty.short());
        self.timed[ty as usize] = None;
    }

    /// Notes the start or the end of a client's refusal.
    pub(super) fn refuses(&mut self, refusing: bool) {
        if refusing != self.refusing {
            self.metrics.rejecting(if refusing { 1 } else { -1 });
        }
        self.refusing = refusing;
    }

    pub(super) fn is_refusing(&self) -> bool {
        self.refusing
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.refuses(false);
    }
}

//! The end of a group: one task per group, so that no stream wakes but to end.

use super::{AuthenticatedStream, Groups, Key};
use crate::auth::{Caller, Proof};
use crate::bind::ended;
use crate::drain::{Drain, share};
use crate::engine::{Engine, Published};
use crate::feeds::Attending;
use crate::latest::Latest;
use crate::limits::Limits;
use crate::linkerd::Subscriptions;
use crate::refusal::Ended;
use heddle_catalog::Feed;
use heddle_model::WorkloadKey;
use std::future::pending;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Watches over a group.
pub(super) struct LifetimeTask<P> {
    engine: Engine<P>,
    directory: Arc<Groups>,
    key: Key,
    workload: WorkloadKey,
    caller: Caller,
    life: Option<Duration>,
    drain: Drain,
    spread: Duration,
    end: Latest<Option<Ended>>,
    gone: CancellationToken,
}

impl<P: Published> LifetimeTask<P> {
    pub(super) fn new<F: Feed>(
        subscriptions: &Subscriptions<P, F>,
        newcomer: &AuthenticatedStream,
        end: Latest<Option<Ended>>,
        gone: CancellationToken,
    ) -> Self {
        let AuthenticatedStream { workload, caller, peer } = newcomer;
        let shared = &subscriptions.shared;
        let left = caller.expires.duration_since(shared.clock.now()).unwrap_or_default();
        Self {
            engine: shared.engine.clone(),
            directory: subscriptions.groups.clone(),
            key: newcomer.key(),
            workload: workload.clone(),
            caller: caller.clone(),
            life: life(&caller.proof, left, &shared.limits),
            drain: shared.drain.clone(),
            spread: share(shared.limits.drain_spread, RandomState::new().hash_one(peer) as u32),
            end,
            gone,
        }
    }

    /// Tells the group's streams to end, when they must.
    pub(super) async fn run<F: Feed>(self, attending: Attending<F>) {
        let ended = tokio::select! {
            () = self.gone.cancelled() => return,
            ended = self.lost(attending) => ended,
            () = self.expired() => Ended::Credential,
            () = self.drained() => Ended::Draining,
        };
        tracing::info!(workload = %self.workload, reason = %ended, "streams ended");
        self.directory.close(&self.key);
        self.end.send(Arc::new(Some(ended)));
    }

    /// Ends when the workload is not the one any more that the streams were opened for.
    async fn lost<F: Feed>(&self, mut attending: Attending<F>) -> Ended {
        loop {
            attending.changed().await;
            let Ok(state) = self.engine.latest() else { continue };
            if let Some(ended) = ended(&self.workload, &self.caller, state.as_ref()) {
                return ended;
            }
        }
    }

    async fn expired(&self) {
        match self.life {
            Some(life) => tokio::time::sleep(life).await,
            None => pending().await,
        }
    }

    async fn drained(&self) {
        self.drain.begun().await;
        tokio::time::sleep(self.spread).await;
    }
}

/// Returns how long streams live whose credential counts for `left`. Those of a certificate end with their connection,
/// which closes when it expires: the proxy would ask again over the same connection, with the same certificate.
fn life(proof: &Proof, left: Duration, limits: &Limits) -> Option<Duration> {
    match proof {
        Proof::Certificate(_) => None,
        Proof::Token(_) => Some(left - limits.expiry_margin.min(left / 10)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_of_a_token_end_before_it_expires() {
        let (limits, token) = (Limits::default(), Proof::Token(None));
        for (left, want) in [(0, 0), (10, 9), (600, 570)] {
            let got = life(&token, Duration::from_secs(left), &limits);
            assert_eq!(got, Some(Duration::from_secs(want)));
        }
        assert_eq!(life(&Proof::Certificate("td".into()), Duration::from_secs(600), &limits), None);
    }
}

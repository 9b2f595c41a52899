//! Discovery over one stream per proxy, in both variants of the protocol.

mod drive;
mod hello;
mod lifetime;
mod open;
mod tally;
mod wire;

use crate::auth;
use crate::calls::Call;
use crate::engine::Published;
use crate::refusal::Ended;
use crate::replies;
use crate::shared::Shared;
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

//! Discovery over one stream per proxy, in both variants of the protocol.

mod drive;
mod hello;
mod lifetime;
mod open;
mod tally;
mod wire;

use crate::auth::{self, Authenticate};
use crate::clock::Clock;
use crate::drain::Drain;
use crate::engine::{Engine, Published};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::peer::Peer;
use crate::refusal::{Ended, Refusal};
use crate::registry::Registry;
use heddle_proto::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use heddle_proto::raw;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};
use wire::{Delta, Sotw, Wire};

/// How long the last words of a stream may take to be read.
const FAREWELL: Duration = Duration::from_secs(5);

/// What all streams share.
pub(crate) struct Shared<P> {
    pub(crate) engine: Engine<P>,
    pub(crate) tokens: Arc<dyn Authenticate>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) metrics: Metrics,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) drain: Drain,
}

/// The aggregated discovery service.
pub(crate) struct Discovery<P>(pub(crate) Arc<Shared<P>>);

/// What a client reads. One response waits here, and one in HTTP/2's own buffer: a client that does not read
/// costs no more.
type Outbound<T> = ReceiverStream<Result<T, Status>>;

impl<P: Published> Discovery<P> {
    async fn open<W: Wire>(
        &self,
        request: Request<Streaming<W::In>>,
    ) -> Result<Response<Outbound<W::Out>>, Status> {
        let shared = self.0.clone();
        let (metadata, extensions, inbound) = request.into_parts();
        let peer = extensions.get::<Peer>().cloned().ok_or_else(|| Status::internal("no peer"))?;
        let running = peer.activity.start();
        if shared.drain.has_begun() {
            return Err(Ended::Draining.into());
        }
        if let Err(refusal) = shared.engine.fresh() {
            // On this connection it would come back to this replica for ever.
            peer.activity.part();
            shared.refused(&peer, refusal.code(), &refusal);
            return Err(refusal.into());
        }
        let caller = auth::caller(&peer, &metadata, shared.tokens.as_ref(), shared.clock.now());
        let caller = tokio::time::timeout(shared.limits.call, caller).await;
        let caller = caller.map_err(|_| Refusal::NotNow("the token cannot be checked now, try again".into()));
        let caller =
            caller.flatten().inspect_err(|refusal| shared.refused(&peer, refusal.code(), refusal))?;
        let (sender, receiver) = mpsc::channel(1);
        let tasks = shared.drain.tasks().clone();
        tasks.spawn(async move {
            let _running = running;
            let outcome = open::run::<W, P>(&shared, caller, &peer, inbound, &sender).await;
            if let Err(status) = outcome {
                shared.refused(&peer, status.code(), status.message());
                // Whoever does not read misses the reason.
                let _ = tokio::time::timeout(FAREWELL, sender.send(Err(status))).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

impl<P> Shared<P> {
    fn refused(&self, peer: &Peer, code: Code, text: impl std::fmt::Display) {
        self.metrics.stream_refused(code);
        tracing::info!(peer = %peer.address, ?code, reason = %text, "stream ended");
    }
}

#[tonic::async_trait]
impl<P: Published> raw::AggregatedDiscoveryService for Discovery<P> {
    type StreamAggregatedResourcesStream = Outbound<raw::DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Outbound<raw::DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        self.open::<Sotw>(request).await
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        self.open::<Delta>(request).await
    }
}

//! What linkerd2-proxies ask: one stream per question, answered whole at first and then as it changes.
//!
//! ```text
//! request ──▶ question ──▶ auth ──▶ bind ──▶ topic ──▶ follow ──▶ answers ──▶ socket
//!             (service)            (context)           (feeds)    (group ends them)
//! ```
//!
//! A stream is a body that HTTP/2 polls, without a task or a queue: it looks at the newest edition when there is
//! room to send, so a client that does not read costs one pending state. The streams of one workload on one
//! connection form a group, whose one guard ends them all.

mod answers;
mod certify;
mod context;
mod group;
mod question;
mod service;

pub(crate) use certify::Certify;
pub use context::BadContext;
pub(crate) use service::{Destination, Inbound, Outbound};

use crate::auth::{self, Authenticate};
use crate::bind::bind_workload;
use crate::clock::Clock;
use crate::drain::Drain;
use crate::engine::{Engine, Published};
use crate::feeds::{Gone, Subscriber};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::peer::Peer;
use crate::quota::Quota;
use crate::refusal::{Ended, Refusal};
use crate::registry::Registry;
use answers::Answers;
use group::seat::Seat;
use group::{Groups, Newcomer};
use heddle_catalog::{Feed, Linkerd};
use heddle_linkerd::{Ask, Refused, Topic};
use heddle_model::{Snapshot, WorkloadKey};
pub(crate) use question::Kind;
use question::Question;
use std::sync::Arc;
use tonic::Status;
use tonic::metadata::MetadataMap;

/// A feed that knows what a proxy's question is about.
pub trait Questions: Feed<Topic: Send + Sync, Answer: Send + Sync> + 'static {
    /// The topic of a question that `client` asks.
    ///
    /// # Errors
    /// Says why it has none.
    fn topic(ask: &Ask, client: &WorkloadKey, snapshot: &Snapshot) -> Result<Self::Topic, Refused>;
}

impl Questions for Linkerd {
    fn topic(ask: &Ask, client: &WorkloadKey, snapshot: &Snapshot) -> Result<Topic, Refused> {
        heddle_linkerd::topic(ask, client, snapshot)
    }
}

/// What all streams share.
pub(crate) struct Shared<P, F: Feed> {
    pub(crate) engine: Engine<P>,
    pub(crate) feeds: Subscriber<F>,
    pub(crate) tokens: Arc<dyn Authenticate>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) metrics: Metrics,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) drain: Drain,
    groups: Arc<Groups>,
    streams: Arc<Quota<WorkloadKey>>,
}

/// One call, before it is known who makes it.
struct Call {
    metadata: MetadataMap,
    peer: Peer,
    question: Question,
}

impl<P: Published, F: Questions> Shared<P, F> {
    /// For whoever asks what `xds` asks of the same parts.
    pub(crate) fn new(parts: &crate::xds::Shared<P>, feeds: Subscriber<F>) -> Self {
        let crate::xds::Shared { engine, tokens, registry, metrics, limits, clock, drain } = parts;
        Self {
            engine: engine.clone(),
            feeds,
            tokens: tokens.clone(),
            registry: registry.clone(),
            metrics: metrics.clone(),
            limits: limits.clone(),
            clock: clock.clone(),
            drain: drain.clone(),
            groups: Groups::new(registry.clone()),
            streams: Quota::new(limits.questions_per_workload),
        }
    }

    /// The answers to a question, from the first whole state on.
    async fn open(&self, call: Call) -> Result<Answers<F>, Status> {
        let Call { metadata, peer, question } = call;
        let running = peer.activity.start();
        if self.drain.has_begun() {
            return Err(Ended::Draining.into());
        }
        self.engine.fresh().inspect_err(|_| peer.activity.part())?;
        let now = self.clock.now();
        // A proxy connects before it has its first certificate. Over that connection it would be refused for ever.
        let caller = auth::caller(&peer, &metadata, self.tokens.as_ref(), now).await;
        let (mut caller, running) = match caller {
            Ok(caller) => (caller, running),
            Err(refusal) => {
                running.refuse();
                return Err(refusal.into());
            }
        };
        let state = self.engine.latest()?;
        let workload = context::parse(&question.who).map_err(Refusal::Context)?;
        let workload = bind_workload(workload, &caller, state.snapshot())?;
        caller.uid = caller.uid.or_else(|| state.uid(&workload));
        let topic = F::topic(&question.ask, &workload, state.snapshot()).map_err(unanswered)?;
        drop(state);
        tracing::debug!(%workload, method = question.kind.as_str(), asked = %question.ask, who = question.who, "asked");
        let held = self.streams.take(workload.clone()).ok_or_else(|| Refusal::Streams {
            workload: workload.clone(),
            most: self.limits.questions_per_workload,
        })?;
        let newcomer = Newcomer { workload, caller, peer: peer.address };
        let group = self.group(newcomer).await?;
        let following = self.feeds.follow(topic).await?;
        let seat = Seat::new(group, question.kind, held, running);
        Ok(Answers::new(following, seat, question.extent))
    }

    /// Counts and logs what a call is refused with.
    fn refused(&self, peer: &Peer, status: &Status) {
        self.metrics.stream_refused(status.code());
        tracing::info!(peer = %peer.address, code = ?status.code(), reason = %status.message(), "stream refused");
    }
}

/// What the proxy does then is in the reference's table: a malformed question is not asked again, and of what is
/// not found a connection is forwarded as it is.
fn unanswered(refused: Refused) -> Status {
    match refused {
        Refused::Malformed(text) => Status::invalid_argument(text),
        Refused::NotFound(text) => Status::not_found(text),
    }
}

impl From<Gone> for Status {
    fn from(_: Gone) -> Self {
        Ended::Draining.into()
    }
}

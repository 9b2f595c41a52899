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
mod question;
mod service;
mod streams;

pub(crate) use certify::Certify;
pub use context::BadContext;

use crate::auth::{self, Authenticate, Caller};
use crate::bind::bind_workload;
use crate::budget::Budgets;
use crate::clock::Clock;
use crate::drain::Drain;
use crate::engine::{Engine, Published};
use crate::feeds::{Gone, Subscriber};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::peer::{Peer, Running};
use crate::quota::Quota;
use crate::refusal::{Ended, Refusal};
use crate::registry::Registry;
use crate::xds::Refusals;
use answers::Answers;
use heddle_catalog::{Feed, Linkerd};
use heddle_linkerd::{ProxyRequest, Refused, Subscription};
use heddle_model::text::{SHOWN_BYTES, printable};
use heddle_model::{Snapshot, WorkloadKey};
use http::HeaderValue;
pub(crate) use question::Kind;
use question::Question;
use std::sync::Arc;
use streams::slot::{Holds, StreamSlot};
use streams::{AuthenticatedStream, Groups};
use tonic::{Code, Status};

/// A feed that knows what a proxy's question is about.
pub trait RequestResolver: Feed<Subscription: Send + Sync, Answer: Send + Sync> + 'static {
    /// The topic of a question that `client` asks.
    ///
    /// # Errors
    /// Says why it has none.
    fn topic(
        ask: &ProxyRequest,
        client: &WorkloadKey,
        snapshot: &Snapshot,
    ) -> Result<Self::Subscription, Refused>;
}

impl RequestResolver for Linkerd {
    fn topic(ask: &ProxyRequest, client: &WorkloadKey, snapshot: &Snapshot) -> Result<Subscription, Refused> {
        heddle_linkerd::topic(ask, client, snapshot)
    }
}

/// The shared part of all streams.
pub(crate) struct Shared<P, F: Feed> {
    pub(crate) engine: Engine<P>,
    pub(crate) feeds: Subscriber<F>,
    pub(crate) tokens: Arc<dyn Authenticate>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) metrics: Metrics,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) drain: Drain,
    budgets: Budgets,
    refusals: Refusals,
    groups: Arc<Groups>,
    streams: Arc<Quota<WorkloadKey>>,
}

/// Bytes that a stream has kept for itself, beside its question.
const STREAM_BYTES: usize = 256;

impl<P: Published, F: RequestResolver> Shared<P, F> {
    /// For whoever asks what `xds` asks of the same parts.
    pub(crate) fn new(parts: &crate::xds::Shared<P>, feeds: Subscriber<F>) -> Self {
        let crate::xds::Shared {
            engine,
            tokens,
            registry,
            metrics,
            limits,
            clock,
            drain,
            budgets,
            refusals,
            ..
        } = parts;
        Self {
            engine: engine.clone(),
            feeds,
            tokens: tokens.clone(),
            registry: registry.clone(),
            metrics: metrics.clone(),
            limits: limits.clone(),
            clock: clock.clone(),
            drain: drain.clone(),
            budgets: budgets.clone(),
            refusals: refusals.clone(),
            groups: Groups::new(registry.clone()),
            streams: Quota::new(limits.questions_per_workload),
        }
    }

    /// Returns who calls. Nothing of the question has been read yet.
    async fn caller(&self, peer: &Peer, authorization: Option<&HeaderValue>) -> Result<Caller, Status> {
        self.engine.fresh().inspect_err(|_| peer.activity.part())?;
        let now = self.clock.now();
        let caller = auth::caller(peer, authorization, self.tokens.as_ref(), now).await;
        caller.map_err(|refusal| {
            // A proxy connects before it has its first certificate. Over that connection it would be refused for ever.
            if refusal.code() == Code::Unauthenticated {
                peer.activity.refuse();
            }
            refusal.into()
        })
    }

    /// The answers to a question, from the first whole state on.
    async fn open(
        &self,
        peer: &Peer,
        running: Running,
        mut caller: Caller,
        question: Question,
    ) -> Result<Answers<F>, Status> {
        let state = self.engine.latest()?;
        let workload = context::parse(&question.who).map_err(Refusal::Context)?;
        let workload = bind_workload(workload, &caller, state.snapshot())?;
        caller.uid = caller.uid.or_else(|| state.uid(&workload));
        let topic = F::topic(&question.ask, &workload, state.snapshot()).map_err(unanswered)?;
        drop(state);
        let text = question.ask.to_string();
        let asked = printable(&text, SHOWN_BYTES);
        tracing::debug!(%workload, method = question.kind.as_str(), asked, who = printable(&question.who, SHOWN_BYTES), "asked");
        let held = self.streams.take(workload.clone()).ok_or_else(|| Refusal::Streams {
            workload: workload.clone(),
            most: self.limits.questions_per_workload,
        })?;
        let mut account = self.budgets.open(&workload, &caller.identity);
        account.set(STREAM_BYTES + 2 * text.len())?;
        let newcomer = AuthenticatedStream { workload, caller, peer: peer.address };
        let group = self.group(newcomer).await?;
        let following = self.feeds.follow(topic).await?;
        let seat = StreamSlot::new(
            group,
            question.kind,
            Holds { _stream: held, _bytes: account, _running: running },
        );
        Ok(Answers::new(following, seat, question.extent))
    }

    /// Counts and logs what a call is refused with.
    fn refused(&self, peer: &Peer, status: Status) -> Status {
        self.metrics.stream_refused(status.code());
        self.refusals.of(peer).line(|| {
            let (code, reason) = (status.code(), status.message());
            tracing::info!(peer = %peer.address, ?code, reason, "stream refused");
        });
        status
    }
}

/// Returns what the proxy does then is in the reference's table: a malformed question is not asked again, and of what is
/// not found a connection is forwarded as it is.
fn unanswered(refused: Refused) -> Status {
    match refused {
        Refused::Malformed(text) => Status::invalid_argument(printable(&text, SHOWN_BYTES)),
        Refused::NotFound(text) => Status::not_found(printable(&text, SHOWN_BYTES)),
    }
}

impl From<Gone> for Status {
    fn from(_: Gone) -> Self {
        Ended::Draining.into()
    }
}

//! The streams of linkerd2-proxies: one per question, answered whole at first and then as it changes.
//!
//! ```text
//! request ──▶ question ──▶ auth ──▶ bind ──▶ resolve ──▶ follow ──▶ answers ──▶ socket
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

use crate::auth::{self, Caller};
use crate::bind::bind_workload;
use crate::engine::Published;
use crate::feeds::{Gone, Subscriber};
use crate::peer::{Peer, Running};
use crate::quota::Quota;
use crate::refusal::{Ended, Refusal};
use crate::shared::Shared;
use answers::Answers;
use heddle_catalog::Feed;
use heddle_linkerd::{ProxyRequest, Refused};
use heddle_model::text::{SHOWN_BYTES, printable};
use heddle_model::{Snapshot, WorkloadKey};
use http::HeaderValue;
use question::Question;
use std::sync::Arc;
use streams::slot::{Holds, StreamSlot};
use streams::{AuthenticatedStream, Groups};
use tonic::{Code, Status};

/// The topic of a request that a workload makes, or why it has none.
pub type Resolve<F> =
    fn(&ProxyRequest, &WorkloadKey, &Snapshot) -> Result<<F as Feed>::Subscription, Refused>;

/// The streams of linkerd2-proxies.
pub(crate) struct Subscriptions<P, F: Feed> {
    shared: Arc<Shared<P>>,
    feeds: Subscriber<F>,
    resolve: Resolve<F>,
    groups: Arc<Groups>,
    streams: Arc<Quota<WorkloadKey>>,
}

/// Bytes that a stream has kept for itself, beside its question.
const STREAM_BYTES: usize = 256;

impl<P: Published, F: Feed> Subscriptions<P, F> {
    pub(crate) fn new(shared: Arc<Shared<P>>, feeds: Subscriber<F>, resolve: Resolve<F>) -> Self {
        let groups = Groups::new(shared.registry.clone());
        let streams = Quota::new(shared.limits.questions_per_workload);
        Self { shared, feeds, resolve, groups, streams }
    }

    /// Returns who calls. Nothing of the question has been read yet.
    async fn caller(&self, peer: &Peer, authorization: Option<&HeaderValue>) -> Result<Caller, Status> {
        self.shared.engine.fresh().inspect_err(|_| peer.activity.part())?;
        let now = self.shared.clock.now();
        let caller = auth::caller(peer, authorization, self.shared.tokens.as_ref(), now).await;
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
        let state = self.shared.engine.latest()?;
        let workload = context::parse(&question.who).map_err(|bad| Refusal::Context(bad.to_string()))?;
        let workload = bind_workload(workload, &caller, state.snapshot())?;
        caller.uid = caller.uid.or_else(|| state.uid(&workload));
        let topic = (self.resolve)(&question.ask, &workload, state.snapshot()).map_err(unanswered)?;
        drop(state);
        let text = question.ask.to_string();
        let asked = printable(&text, SHOWN_BYTES);
        tracing::debug!(%workload, method = question.kind.as_str(), asked, who = printable(&question.who, SHOWN_BYTES), "asked");
        let held = self.streams.take(workload.clone()).ok_or_else(|| Refusal::Streams {
            workload: workload.clone(),
            most: self.shared.limits.questions_per_workload,
        })?;
        let mut account = self.shared.budgets.open(&workload, &caller.identity);
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

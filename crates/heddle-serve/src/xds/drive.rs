//! Driving one session: what comes in, what is published and what time it is, in; responses, out.

use super::lifetime::lifetime;
use super::tally::Tally;
use super::wire::{Incoming, Wire};
use crate::auth::Caller;
use crate::bind::ended;
use crate::budget::Account;
use crate::drain::share;
use crate::engine::{Awaited, Client, News, Published};
use crate::messages::{BadMessage, Messages};
use crate::refusal::{Ended, Refusal};
use crate::shared::Shared;
use heddle_session::{Notice, Session};
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::Status;
use tracing::{Instrument, Span};

/// The least time between two polls that only time asks for.
const TICK: Duration = Duration::from_millis(50);

/// One stream that has been admitted.
pub(super) struct Drive<'a, W: Wire, P: Published> {
    shared: &'a Shared<P>,
    client: Client,
    caller: Caller,
    state: Arc<P>,
    session: Arc<Mutex<Session<P::Resource>>>,
    start: Instant,
    /// The sequence of the state that the client came to: sending that is no convergence.
    first: Option<u64>,
    tally: Tally,
    outbox: VecDeque<W::Out>,
    awaited: Awaited,
    account: Account,
}

impl<'a, W: Wire, P: Published> Drive<'a, W, P> {
    pub(super) fn new(
        shared: &'a Shared<P>,
        client: Client,
        caller: Caller,
        state: Arc<P>,
        session: Arc<Mutex<Session<P::Resource>>>,
        account: Account,
    ) -> Self {
        let tally = Tally::new(shared.metrics.clone());
        let (start, outbox) = (Instant::now(), VecDeque::new());
        let awaited = Awaited::Change;
        Self { shared, client, caller, state, session, start, first: None, tally, outbox, awaited, account }
    }

    pub(super) async fn run(
        mut self,
        first: W::In,
        inbound: Messages,
        news: News<P>,
        outbound: &mpsc::Sender<Result<W::Out, Status>>,
        span: Span,
    ) -> Result<(), Status> {
        let work = async {
            self.note_refusals();
            self.take(first)?;
            self.turn(inbound, news, outbound).await
        };
        work.instrument(span).await
    }

    async fn turn(
        &mut self,
        mut inbound: Messages,
        mut news: News<P>,
        outbound: &mpsc::Sender<Result<W::Out, Status>>,
    ) -> Result<(), Status> {
        let seed = RandomState::new().hash_one(self.start) as u32;
        let (life, reason) =
            lifetime(self.shared.clock.now(), self.caller.expires, &self.shared.limits, seed);
        let mut end = std::pin::pin!(tokio::time::sleep(life));
        let mut drained = std::pin::pin!(drained(self.shared, seed));
        loop {
            if self.outbox.is_empty() {
                self.poll();
            }
            self.charge()?;
            inbound.done();
            let due = self.due();
            tokio::select! {
                biased;
                () = &mut end => return Err(reason.into()),
                () = &mut drained => return Err(Ended::Draining.into()),
                permit = outbound.reserve(), if !self.outbox.is_empty() => {
                    let Ok(permit) = permit else { return Ok(()) };
                    if let Some(response) = self.outbox.pop_front() {
                        permit.send(Ok(response));
                    }
                }
                state = news.next(self.awaited) => self.renew(state.ok_or(Ended::Draining)?)?,
                message = inbound.next(), if self.is_idle() => match message {
                    Ok(Some(message)) => self.take(message)?,
                    Ok(None) => return Ok(()),
                    // A client that is gone needs no reason.
                    Err(BadMessage::Broken) => return Ok(()),
                    Err(bad) => return Err(Refusal::Message(bad).into()),
                },
                () = tokio::time::sleep_until(due.unwrap_or(self.start)), if due.is_some() => {}
            }
        }
    }

    /// Returns whether all that the client said has been looked at, and all that there is to say has been said. Only then is more
    /// read: what it names is compared with what there is before it can name more.
    fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.awaited == Awaited::Change
    }

    /// Holds the client to what it may keep here for itself.
    fn charge(&mut self) -> Result<(), Refusal> {
        if self.awaited == Awaited::Admission {
            return Ok(());
        }
        let bytes = self.session().own_bytes();
        self.account.set(bytes)
    }

    /// Returns what the client said.
    fn take(&mut self, message: W::In) -> Result<(), Status> {
        match W::request(message, &self.shared.limits.session) {
            Incoming::Served(request) => {
                let notices = self.session().receive(request).map_err(Refusal::Names)?;
                self.note(notices);
            }
            Incoming::Unserved(request) => {
                let request = request.map_err(Refusal::Names)?;
                self.outbox.push_back(W::nothing(request));
            }
            Incoming::Ignored => {}
        }
        Ok(())
    }

    /// Returns what was published. The state before it is let go: a client that does not read holds none.
    fn renew(&mut self, state: Arc<P>) -> Result<(), Ended> {
        if let Some(ended) = ended(&self.client.workload, &self.caller, state.as_ref()) {
            self.shared.registry.quarantine().forget(&self.client.workload);
            return Err(ended);
        }
        self.state = state;
        Ok(())
    }

    fn poll(&mut self) {
        let Some(view) = self.state.view(&self.client) else {
            // An older stream of this client left before this one was counted in.
            self.awaited = Awaited::Admission;
            return;
        };
        self.awaited = Awaited::Change;
        let now = self.now();
        let responses = self.session().poll(now, &view);
        let sequence = heddle_session::View::sequence(&view);
        let first = *self.first.get_or_insert(sequence);
        let since = (sequence > first).then(|| self.state.since());
        for response in responses {
            let sizes = response.resources.iter().map(|resource| resource.len());
            self.tally.pushed(&response, sizes.sum(), since);
            self.outbox.push_back(W::response(response));
        }
        self.note_refusals();
    }

    fn note(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            match notice {
                Notice::Acked { ty, sequence, sent: _ } => self.tally.acked(ty, sequence),
                Notice::Nacked { ty, text, suspects } => {
                    self.tally.refused(ty);
                    let names: Vec<_> = suspects.iter().take(4).map(|(name, _)| name.as_str()).collect();
                    tracing::warn!(r#type = ty.url(), %text, suspects = suspects.len(), ?names, "the proxy refused a response");
                }
                Notice::Quarantined { ty, name, version, text } => {
                    let objects = self.state.objects(&self.client, ty, &name);
                    tracing::warn!(r#type = ty.url(), %name, %version, %text, ?objects, "the proxy refuses a resource");
                    self.note_refusals();
                }
            }
        }
    }

    /// Counts what is refused, and keeps it for the next stream.
    fn note_refusals(&mut self) {
        let refused = self.session().refused();
        if refused.is_empty() && !self.tally.is_refusing() {
            return;
        }
        self.tally.refuses(!refused.is_empty());
        self.shared.registry.quarantine().keep(&self.client.workload, refused, self.state.snapshot());
    }

    /// The time at which time alone asks for a poll.
    fn due(&self) -> Option<Instant> {
        if !self.outbox.is_empty() {
            return None;
        }
        let deadline = self.session().deadline()?;
        Some((self.start + Duration::from_millis(deadline)).max(Instant::now() + TICK))
    }

    /// Milliseconds of this stream.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn session(&self) -> MutexGuard<'_, Session<P::Resource>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends at this stream's moment after draining began: all streams do not come down on other replicas at once.
async fn drained<P>(shared: &Shared<P>, seed: u32) {
    shared.drain.begun().await;
    tokio::time::sleep(share(shared.limits.drain_spread, seed)).await;
}

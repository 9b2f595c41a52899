//! Following every kind.

use crate::client::SILENCE;
use crate::relist::Relist;
use crate::retry::Retry;
use crate::watches::{Cause, Watches};
use crate::{object, watch_error};
use futures::StreamExt as _;
use heddle_model::{Event, Kind, Presence};
use kube::Client;
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, InitialListStrategy, watcher};
use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceBuilder;

/// The time that a list that is streamed may be silent before it is read by pages instead.
const PATIENCE: Duration = Duration::from_secs(20);

/// After how many seconds a watch is made anew, from where it was. So each proves several times a minute that it
/// is still heard: the API server has something to say by then, if only that it ends.
const RENEWAL: u32 = 15;

/// The time that a stream that failed must run without another error to count as running: longer than an answer may
/// take. It says nothing when it resumes.
const CALM: Duration = SILENCE.saturating_add(Duration::from_secs(1));

/// The most requests about one kind within [`PACE`]: a watch that ends as soon as it began is made anew without a
/// word to us, again and again. Lists are read 500 objects at a time.
const REQUESTS: u64 = 100;
const PACE: Duration = Duration::from_secs(10);

/// Follows every kind until `queue` is closed: first the complete list of each, then its changes, then its
/// list anew whenever changes may have been missed. An optional kind that the cluster does not have is an empty
/// list, and is looked for again.
///
/// Never ends on an error: it is in `watches`, and tried again with growing waits.
pub async fn watch(client: Client, queue: Sender<Event>, watches: Watches) {
    let mut kinds = JoinSet::new();
    for kind in Kind::ALL {
        let follower =
            Follower { kind, client: paced(client.clone()), queue: queue.clone(), watches: watches.clone() };
        kinds.spawn(follower.run());
    }
    kinds.join_all().await;
}

/// The same client, which asks no more often than is good.
fn paced(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let send = tower::service_fn(move |request| {
        let client = client.clone();
        async move { client.send(request).await }
    });
    Client::new(ServiceBuilder::new().rate_limit(REQUESTS, PACE).service(send), namespace)
}

struct Follower {
    kind: Kind,
    client: Client,
    queue: Sender<Event>,
    watches: Watches,
}

/// The version of the kind that a stream reads.
#[derive(Clone, Copy)]
struct Asked {
    version: &'static str,
    /// There are others to try.
    others: bool,
    /// All others were tried.
    last: bool,
}

/// The reason for which a stream of events was left.
enum Left {
    /// Nobody reads the queue any more.
    Closed,
    /// List anew.
    Again,
    /// List anew, by pages.
    ByPages,
    /// The cluster has not this version of the kind: list another.
    NextVersion,
}

impl Follower {
    async fn run(self) {
        let mut relist = Relist::new(self.kind);
        let mut retry = Retry::new();
        let mut strategy = InitialListStrategy::StreamingList;
        let versions = self.kind.spec().versions;
        let mut at = 0;
        loop {
            let asked =
                Asked { version: versions[at], others: versions.len() > 1, last: at + 1 == versions.len() };
            match self.stream(strategy.clone(), asked, &mut relist, &mut retry).await {
                Left::Closed => return,
                Left::Again => {}
                Left::ByPages => strategy = InitialListStrategy::ListWatch,
                Left::NextVersion => at = (at + 1) % versions.len(),
            }
            relist.broke();
        }
    }

    /// One stream, which reads lists in one way. It resumes and lists anew by itself after most errors.
    async fn stream(
        &self,
        strategy: InitialListStrategy,
        asked: Asked,
        relist: &mut Relist,
        retry: &mut Retry,
    ) -> Left {
        let streams = strategy == InitialListStrategy::StreamingList;
        let config =
            watcher::Config { initial_list_strategy: strategy, timeout: Some(RENEWAL), ..Default::default() };
        let all = object::all(self.client.clone(), self.kind, asked.version);
        let mut stream = pin!(watcher(all, config));
        let mut failing = false;
        loop {
            let patience = match (streams && relist.listing(), failing) {
                (true, _) => PATIENCE,
                (false, true) => CALM,
                (false, false) => Duration::MAX,
            };
            let next = tokio::select! {
                next = timeout(patience, stream.next()) => next,
                () = self.queue.closed() => return Left::Closed,
            };
            match next {
                Err(_) if relist.listing() && streams => return Left::ByPages,
                Err(_) => {
                    self.resumed(relist);
                    failing = false;
                }
                Ok(None) => return Left::Again,
                // A list that takes longer than a watch may would begin again for ever.
                Ok(Some(Ok(watcher::Event::Init))) if streams && relist.listing() && !failing => {
                    return Left::ByPages;
                }
                Ok(Some(Ok(event))) => {
                    failing = failing && relist.listing();
                    if let Some(left) = self.event(event, relist, retry).await {
                        return left;
                    }
                }
                Ok(Some(Err(error))) if streams && watch_error::streams_no_lists(&error) => {
                    return Left::ByPages;
                }
                Ok(Some(Err(error))) if watch_error::is_stale(&error) => {
                    tracing::debug!(kind = %self.kind, "watch is too old to go on; listing anew");
                    sleep(retry.next()).await;
                    return Left::Again;
                }
                Ok(Some(Err(error))) if asked.others && watch_error::is_absent(&error) => {
                    // Only when none of its versions is there is the kind absent.
                    if asked.last {
                        self.error(&error, retry).await;
                    }
                    return Left::NextVersion;
                }
                Ok(Some(Err(error))) => {
                    failing = true;
                    self.error(&error, retry).await;
                }
            }
        }
    }

    fn resumed(&self, relist: &Relist) {
        if !relist.listing() && self.watches.lists(self.kind) > 0 {
            self.watches.resumed(self.kind);
            tracing::info!(kind = %self.kind, "watch recovered");
        }
    }

    async fn event(
        &self,
        event: watcher::Event<DynamicObject>,
        relist: &mut Relist,
        retry: &mut Retry,
    ) -> Option<Left> {
        let Some(event) = relist.take(event) else {
            if relist.listing() && relist.objects() == 0 {
                self.watches.listing(self.kind);
            }
            return None;
        };
        if relist.takes_away(&event) && self.vanishing(retry).await {
            return Some(Left::Again);
        }
        retry.reset();
        relist.told(&event);
        match event {
            Event::Replace(..) => self.watches.listed(self.kind, relist.objects()),
            Event::Set(_) | Event::Delete(_) => self.watches.changed(self.kind, relist.objects()),
        }
        self.queue.send(event).await.is_err().then_some(Left::Closed)
    }

    /// Returns whether objects go because their whole kind goes. Waits a little if so.
    async fn vanishing(&self, retry: &mut Retry) -> bool {
        let problem = match watch_error::going(self.client.clone(), self.kind).await {
            Ok(None) => return false,
            Ok(Some(problem)) => (Cause::Kind, problem),
            Err(error) => (Cause::Away, error.to_string()),
        };
        self.failed(problem.0, &problem.1);
        sleep(retry.next()).await;
        true
    }

    async fn error(&self, error: &watcher::Error, retry: &mut Retry) {
        let optional = self.kind.spec().presence == Presence::Optional && !self.watches.found(self.kind);
        if optional && watch_error::is_absent(error) {
            let first = self.watches.lists(self.kind) == 0;
            self.watches.absent(self.kind);
            if first {
                tracing::info!(kind = %self.kind, "optional kind is absent");
                let _closed = self.queue.send(Event::Replace(self.kind, Vec::new())).await;
            }
        } else {
            self.failed(watch_error::cause(error), &watch_error::explain(error));
        }
        sleep(retry.next()).await;
    }

    fn failed(&self, cause: Cause, problem: &str) {
        if self.watches.failed(self.kind, cause, problem) {
            tracing::warn!(kind = %self.kind, problem, "watch failed, retrying");
        }
    }
}

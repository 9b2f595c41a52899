//! The streams of one workload on one connection: shown as one, and ended as one.

mod lifetime;
pub(super) mod slot;

use super::Subscriptions;
use super::question::Kind;
use crate::auth::{Caller, Proof};
use crate::engine::Published;
use crate::latest::Latest;
use crate::metrics::Metrics;
use crate::refusal::Ended;
use crate::registry::{ClientView, Registry, Shown, TypeView, seconds};
use heddle_catalog::Feed;
use heddle_model::WorkloadKey;
use lifetime::LifetimeTask;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::SystemTime;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;

/// Every group that has a stream.
pub(super) struct Groups {
    registry: Arc<Registry>,
    groups: Mutex<BTreeMap<Key, Weak<ConnectionStreams>>>,
}

/// A connection, a workload, and until when the credential counts: who brings another ends at another time.
type Key = (SocketAddr, WorkloadKey, SystemTime);

/// A caller that opens a stream, with all that was checked.
pub(super) struct AuthenticatedStream {
    pub(super) workload: WorkloadKey,
    pub(super) caller: Caller,
    pub(super) peer: SocketAddr,
}

/// The streams of one workload on one connection.
pub(super) struct ConnectionStreams {
    newcomer: AuthenticatedStream,
    since: SystemTime,
    kinds: [Tally; Kind::ALL.len()],
    metrics: Metrics,
    end: Latest<Option<Ended>>,
    directory: Arc<Groups>,
    shown: OnceLock<Shown>,
    /// Ends the guard when the last stream has gone.
    _gone: DropGuard,
}

/// The streams of one kind.
#[derive(Default)]
struct Tally {
    open: AtomicUsize,
    /// The newest state that one of them was sent.
    told: AtomicU64,
}

impl Groups {
    pub(super) fn new(registry: Arc<Registry>) -> Arc<Self> {
        Arc::new(Self { registry, groups: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Weak<ConnectionStreams>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &Key) -> Option<Arc<ConnectionStreams>> {
        self.lock().get(key).and_then(Weak::upgrade)
    }

    /// Has nobody join a group any more that was told to end: of its streams one may be left that is not read.
    fn close(&self, key: &Key) {
        self.lock().remove(key);
    }

    /// The group of that key: `new` where there is none, or the one that was made at the same time.
    fn enter(&self, new: Arc<ConnectionStreams>) -> (Arc<ConnectionStreams>, bool) {
        let mut groups = self.lock();
        let key = new.newcomer.key();
        if let Some(found) = groups.get(&key).and_then(Weak::upgrade) {
            drop(groups);
            return (found, false);
        }
        groups.insert(key, Arc::downgrade(&new));
        (new, true)
    }
}

impl AuthenticatedStream {
    fn key(&self) -> Key {
        (self.peer, self.workload.clone(), self.caller.expires)
    }
}

impl<P: Published, F: Feed> Subscriptions<P, F> {
    /// The group that a newcomer belongs to; the first of a group brings its guard.
    pub(super) async fn group(
        &self,
        newcomer: AuthenticatedStream,
    ) -> Result<Arc<ConnectionStreams>, Status> {
        if let Some(group) = self.groups.find(&newcomer.key()) {
            return Ok(group);
        }
        let attending = self.feeds.attend(newcomer.workload.clone()).await?;
        let (gone, end) = (CancellationToken::new(), Latest::new(Arc::new(None)));
        let guard = LifetimeTask::new(self, &newcomer, end.clone(), gone.clone());
        let group = Arc::new(ConnectionStreams {
            newcomer,
            since: self.shared.clock.now(),
            kinds: Default::default(),
            metrics: self.shared.metrics.clone(),
            end,
            directory: self.groups.clone(),
            shown: OnceLock::new(),
            _gone: gone.drop_guard(),
        });
        let (group, is_new) = self.groups.enter(group);
        if is_new {
            group.show(&self.shared.registry);
            self.shared.drain.tasks().spawn(guard.run(attending));
        }
        Ok(group)
    }
}

impl ConnectionStreams {
    fn show(self: &Arc<Self>, registry: &Arc<Registry>) {
        let group = Arc::downgrade(self);
        let shown = registry.show(Arc::new(move |id| group.upgrade().map(|group| group.view(id))));
        let AuthenticatedStream { workload, caller: _, peer } = &self.newcomer;
        tracing::info!(%workload, %peer, id = shown.id(), "proxy connected");
        let _ = self.shown.set(shown);
    }

    fn view(&self, id: u64) -> ClientView {
        let AuthenticatedStream { workload, caller, peer } = &self.newcomer;
        let certificate = self.directory.registry.certificate(workload, &caller.identity);
        ClientView {
            id,
            workload: workload.to_string(),
            identity: caller.identity.to_string(),
            plane: "linkerd".into(),
            agent: "linkerd2-proxy".into(),
            protocol: "linkerd".into(),
            groups: Vec::new(),
            peer: peer.to_string(),
            proof: match caller.proof {
                Proof::Certificate(_) => "certificate".into(),
                Proof::Token(_) => "token".into(),
            },
            since: seconds(self.since),
            credential_expires: seconds(caller.expires),
            certificate_expires: certificate.map(seconds),
            types: Kind::ALL.into_iter().filter_map(|kind| self.tally(kind).view(kind)).collect(),
        }
    }

    fn tally(&self, kind: Kind) -> &Tally {
        &self.kinds[kind as usize]
    }
}

impl Drop for ConnectionStreams {
    fn drop(&mut self) {
        let mut groups = self.directory.lock();
        let key = self.newcomer.key();
        // Another one may have taken its place already.
        if groups.get(&key).is_some_and(|group| group.strong_count() == 0) {
            groups.remove(&key);
        }
    }
}

impl Tally {
    /// Returns what is held is streams: the protocol has no names and no acknowledgement.
    fn view(&self, kind: Kind) -> Option<TypeView> {
        let held = self.open.load(Ordering::Relaxed);
        (held > 0).then(|| TypeView {
            r#type: kind.as_str().into(),
            wildcard: false,
            held,
            sent: Some(self.told.load(Ordering::Relaxed)),
            settled: None,
            unanswered: 0,
            pending: 0,
            refused: Vec::new(),
        })
    }
}

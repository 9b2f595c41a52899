//! The connected clients and the state of each: for `/debug/clients` and `heddle proxies`.

mod quarantine;
mod view;

pub(crate) use view::seconds;
pub use view::{ClientView, RefusedView, TypeView};

use crate::auth::Proof;
use crate::metrics::Metrics;
use crate::quota::{Held, Quota};
use crate::refusal::Refusal;
use heddle_model::{Identity, WorkloadKey};
use heddle_session::{Progress, Variant};
use quarantine::Quarantine;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Expiry dates of certificates that are kept beyond those of connected clients.
const CERTIFICATES: usize = 50_000;

/// The state of a stream's client, asked for when somebody looks.
pub(crate) type Standing = Arc<dyn Fn() -> Vec<Standpoint> + Send + Sync>;

/// Progress of one type, and the objects behind what was refused, in the same order.
#[derive(Clone, Debug)]
pub(crate) struct Standpoint {
    pub(crate) progress: Progress,
    pub(crate) objects: Vec<Vec<String>>,
}

/// One open stream.
pub(crate) struct Client {
    pub(crate) workload: WorkloadKey,
    pub(crate) identity: Identity,
    pub(crate) variant: Variant,
    pub(crate) agent: String,
    pub(crate) groups: Vec<String>,
    pub(crate) peer: SocketAddr,
    pub(crate) proof: Proof,
    pub(crate) since: SystemTime,
    pub(crate) expires: SystemTime,
    pub(crate) standing: Standing,
}

/// All clients, and the certificates issued last.
pub struct Registry {
    metrics: Metrics,
    streams: Arc<Quota<WorkloadKey>>,
    most: usize,
    state: Mutex<State>,
    quarantine: Quarantine,
}

#[derive(Default)]
struct State {
    last: u64,
    clients: BTreeMap<u64, Look>,
    certificates: BTreeMap<Holder, SystemTime>,
}

/// The holder of a certificate: a workload where the token named one, else anyone of the identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Workload(WorkloadKey),
    Identity(Identity),
}

/// A stream's right to exist, given back when dropped.
pub(crate) struct Admission {
    _held: Held<WorkloadKey>,
}

/// The view of a client now, under its number; `None` if it has just gone.
type Look = Arc<dyn Fn(u64) -> Option<ClientView> + Send + Sync>;

/// A client's entry, taken out when dropped.
pub(crate) struct Shown {
    registry: Arc<Registry>,
    id: u64,
}

/// An Envoy's stream among the clients, taken out when dropped.
pub(crate) struct Entry {
    shown: Shown,
    protocol: &'static str,
    _admission: Admission,
}

impl Registry {
    /// Nobody is connected; a workload may have `streams` streams.
    pub fn new(streams: usize, metrics: Metrics) -> Self {
        let (state, quarantine) = (Mutex::default(), Quarantine::default());
        Self { metrics, streams: Quota::new(streams), most: streams, state, quarantine }
    }

    /// Returns how many clients are connected: streams of Envoys, and linkerd2-proxies.
    pub fn len(&self) -> usize {
        self.lock().clients.len()
    }

    /// Returns whether no client is connected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every client, oldest first.
    pub fn view(&self) -> Vec<ClientView> {
        let clients = self.lock().clients.clone();
        clients.iter().filter_map(|(id, look)| look(*id)).collect()
    }

    /// One more stream of `workload`, if it may have one.
    pub(crate) fn admit(&self, workload: &WorkloadKey) -> Result<Admission, Refusal> {
        let held = self.streams.take(workload.clone());
        let refusal = || Refusal::Streams { workload: workload.clone(), most: self.most };
        Ok(Admission { _held: held.ok_or_else(refusal)? })
    }

    /// Shows an admitted stream until the answer is dropped.
    pub(crate) fn enter(self: &Arc<Self>, admission: Admission, client: Client) -> Entry {
        let protocol = view::protocol(client.variant);
        self.metrics.client_came(protocol);
        let registry = Arc::downgrade(self);
        let look = move |id| {
            let certificate = registry.upgrade()?.certificate(&client.workload, &client.identity);
            Some(view::client(id, &client, certificate))
        };
        Entry { shown: self.show(Arc::new(look)), protocol, _admission: admission }
    }

    /// Shows a client until the answer is dropped.
    pub(crate) fn show(self: &Arc<Self>, look: Look) -> Shown {
        let mut state = self.lock();
        state.last += 1;
        let id = state.last;
        state.clients.insert(id, look);
        Shown { registry: self.clone(), id }
    }

    /// Returns what workloads refused.
    pub(crate) fn quarantine(&self) -> &Quarantine {
        &self.quarantine
    }

    /// Notes until when the newest certificate of a caller counts.
    pub(crate) fn issued(
        &self,
        workload: Option<WorkloadKey>,
        identity: Identity,
        expires: SystemTime,
        now: SystemTime,
    ) {
        let holder = workload.map_or(Holder::Identity(identity), Holder::Workload);
        let mut state = self.lock();
        if state.certificates.len() >= CERTIFICATES {
            state.certificates.retain(|_, expires| *expires > now);
        }
        if state.certificates.len() < CERTIFICATES || state.certificates.contains_key(&holder) {
            state.certificates.insert(holder, expires);
        }
    }

    /// Until when the newest certificate counts that was issued to a workload, or to anyone of its identity.
    pub(crate) fn certificate(&self, workload: &WorkloadKey, identity: &Identity) -> Option<SystemTime> {
        let state = self.lock();
        let own = state.certificates.get(&Holder::Workload(workload.clone()));
        own.or_else(|| state.certificates.get(&Holder::Identity(identity.clone()))).copied()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// The number of the stream, as the debug page shows it.
    pub(crate) fn id(&self) -> u64 {
        self.shown.id
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shown.registry.metrics.client_went(self.protocol);
    }
}

impl Shown {
    /// The number of the client, as the debug page shows it.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let look = self.registry.lock().clients.remove(&self.id);
        // What it looks at may itself be dropped here: not under the lock.
        drop(look);
    }
}

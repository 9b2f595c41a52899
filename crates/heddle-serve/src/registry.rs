//! Who is connected, and where each of them stands: for `/debug/clients` and `heddle proxies`.

mod quarantine;
mod shown;
mod view;

pub(crate) use shown::Shown;
pub use view::{ClientView, RefusedView, TypeView};
pub(crate) use view::{seconds, short};

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

/// All open streams, and the certificates issued last.
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
    clients: BTreeMap<u64, Client>,
    shown: BTreeMap<u64, shown::Look>,
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

/// A stream's entry, taken out when dropped.
pub(crate) struct Entry {
    registry: Arc<Registry>,
    id: u64,
    protocol: &'static str,
    _admission: Admission,
}

impl Registry {
    /// Nobody is connected; a workload may have `streams` streams.
    pub fn new(streams: usize, metrics: Metrics) -> Self {
        let (state, quarantine) = (Mutex::default(), Quarantine::default());
        Self { metrics, streams: Quota::new(streams), most: streams, state, quarantine }
    }

    /// Returns how many streams are open.
    pub fn len(&self) -> usize {
        self.lock().clients.len()
    }

    /// Returns whether no stream is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every open stream, oldest first; then what shows itself.
    pub fn view(&self) -> Vec<ClientView> {
        let state = self.lock();
        let clients = state.clients.iter();
        let mut views: Vec<ClientView> =
            clients.map(|(id, client)| view::client(*id, client, state.certificate(client))).collect();
        let shown = state.shown.clone();
        drop(state);
        views.extend(shown.iter().filter_map(|(id, look)| look(*id)));
        views
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
        let mut state = self.lock();
        state.last += 1;
        let id = state.last;
        state.clients.insert(id, client);
        Entry { registry: self.clone(), id, protocol, _admission: admission }
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

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn certificate(&self, client: &Client) -> Option<SystemTime> {
        self.certificate_of(&client.workload, &client.identity)
    }

    fn certificate_of(&self, workload: &WorkloadKey, identity: &Identity) -> Option<SystemTime> {
        let own = self.certificates.get(&Holder::Workload(workload.clone()));
        own.or_else(|| self.certificates.get(&Holder::Identity(identity.clone()))).copied()
    }
}

impl Entry {
    /// The number of the stream, as the debug page shows it.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.registry.metrics.client_went(self.protocol);
        self.registry.lock().clients.remove(&self.id);
    }
}

//! Clients that are no single stream, and show themselves.

use super::{ClientView, Registry};
use heddle_model::{Identity, WorkloadKey};
use std::sync::Arc;
use std::time::SystemTime;

/// The view of a client now, under its number; `None` if it has just gone.
pub(super) type Look = Arc<dyn Fn(u64) -> Option<ClientView> + Send + Sync>;

/// A client's entry, taken out when dropped.
pub(crate) struct Shown {
    registry: Arc<Registry>,
    id: u64,
}

impl Registry {
    /// Shows a client until the answer is dropped.
    pub(crate) fn show(self: &Arc<Self>, look: Look) -> Shown {
        let mut state = self.lock();
        state.last += 1;
        let id = state.last;
        state.shown.insert(id, look);
        Shown { registry: self.clone(), id }
    }

    /// Until when the newest certificate counts that was issued to a workload, or to anyone of its identity.
    pub(crate) fn certificate(&self, workload: &WorkloadKey, identity: &Identity) -> Option<SystemTime> {
        self.lock().certificate_of(workload, identity)
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
        let look = self.registry.lock().shown.remove(&self.id);
        // What it looks at may itself be dropped here: not under the lock.
        drop(look);
    }
}

//! The token check's view of live workloads.

use crate::engine::State;
use futures::future::{BoxFuture, FutureExt, ready};
use heddle_ca::token::{Keys, Live, Liveness};
use heddle_model::WorkloadKey;
use heddle_serve::engine::{Engine, Published as _};
use heddle_serve::tokens::FetchKeys;

/// The workloads of the published mesh.
pub(super) struct Workloads(pub(super) Engine<State>);

impl Live for Workloads {
    fn live(&self, workload: &WorkloadKey) -> Liveness {
        let Ok(state) = self.0.latest() else { return Liveness::Unknown };
        let found = state.snapshot.workloads.get(workload);
        match found.and_then(|found| found.identity.as_ref()) {
            Some(identity) => Liveness::Alive {
                uid: state.uid(workload),
                service_account: identity.service_account.clone(),
            },
            None => Liveness::Unknown,
        }
    }
}

/// The key of the state folder, which does not change.
pub(super) struct OwnKeys(pub(super) Keys);

impl FetchKeys for OwnKeys {
    fn fetch(&self) -> BoxFuture<'_, Result<Keys, String>> {
        ready(Ok(self.0.clone())).boxed()
    }
}

//! One published state, in the words of the servers.

use heddle_catalog::{ClientView, Entry, Published, Xds};
use heddle_model::{Name, Snapshot, WorkloadKey};
use heddle_serve::engine::Client;
use heddle_session::ResourceType;
use heddle_status::LimitationsByObject;
use heddle_xds::ResourceKey;
use std::sync::Arc;
use tokio::time::Instant;

/// One published state.
pub(crate) struct State {
    /// The mesh.
    pub snapshot: Snapshot,
    /// Its resources.
    pub catalog: Arc<Published<Xds>>,
    /// The limitations of proxies.
    pub limitations: LimitationsByObject,
    /// The UIDs of workload objects.
    pub(super) uids: super::uids::Uids,
    /// The time at which the change that it brought came in.
    pub since: Instant,
}

impl heddle_serve::engine::Published for State {
    type Resource = Entry<ResourceKey>;
    type View = ClientView<Xds>;

    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn uid(&self, workload: &WorkloadKey) -> Option<Name> {
        self.uids.get(workload)
    }

    fn since(&self) -> Instant {
        self.since
    }

    fn view(self: &Arc<Self>, client: &Client) -> Option<ClientView<Xds>> {
        self.catalog.view(client)
    }

    fn groups(&self, client: &Client) -> Vec<String> {
        client.groups(&self.snapshot).iter().map(|group| format!("{group:?}")).collect()
    }

    fn objects(&self, client: &Client, ty: ResourceType, name: &Name) -> Vec<String> {
        let view = self.catalog.view(client);
        view.map(|view| view.sources(ty, name).iter().map(ToString::to_string).collect()).unwrap_or_default()
    }
}

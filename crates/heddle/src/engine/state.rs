//! One published state, in the words of the servers.

use bytes::Bytes;
use heddle_catalog::{ClientView, Entry, Published, Xds};
use heddle_model::{Name, Snapshot, WorkloadKey};
use heddle_serve::engine::Client;
use heddle_session::{Type, Version};
use heddle_xds::ResourceKey;
use std::sync::Arc;
use tokio::time::Instant;

/// One published state.
pub(crate) struct State {
    /// The mesh.
    pub snapshot: Snapshot,
    /// Its resources.
    pub catalog: Arc<Published<Xds>>,
    /// The limitations of linkerd2-proxies.
    pub limitations: super::Limitations,
    /// The UIDs of workload objects.
    pub(super) uids: super::uids::Uids,
    /// The time at which the change that it brought came in.
    pub since: Instant,
}

/// One encoded resource.
#[derive(Clone)]
pub(crate) struct Resource(Arc<Entry<ResourceKey>>);

/// All resources of one client.
pub(crate) struct View(ClientView<Xds>);

impl heddle_serve::engine::Published for State {
    type Resource = Resource;
    type View = View;

    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn uid(&self, workload: &WorkloadKey) -> Option<Name> {
        self.uids.get(workload)
    }

    fn since(&self) -> Instant {
        self.since
    }

    fn view(self: &Arc<Self>, client: &Client) -> Option<View> {
        self.catalog.view(client).map(View)
    }

    fn groups(&self, client: &Client) -> Vec<String> {
        client.groups(&self.snapshot).iter().map(|group| format!("{group:?}")).collect()
    }

    fn objects(&self, client: &Client, ty: Type, name: &Name) -> Vec<String> {
        let view = self.catalog.view(client);
        view.map(|view| view.sources(to_xds(ty), name).iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    }
}

impl heddle_session::Resource for Resource {
    fn name(&self) -> &Name {
        &self.0.key().name
    }

    fn version(&self) -> Version {
        Version(self.0.version())
    }

    fn body(&self) -> Bytes {
        self.0.body()
    }

    fn framed(&self) -> Bytes {
        self.0.framed()
    }

    fn is_shared(&self) -> bool {
        !self.0.is_absent()
    }

    fn needs(&self, each: &mut dyn FnMut(Type, &Name)) {
        for key in self.0.needs() {
            each(of_xds(key.ty), &key.name);
        }
    }
}

impl heddle_session::View for View {
    type Resource = Resource;

    fn sequence(&self) -> u64 {
        self.0.sequence()
    }

    fn get(&self, ty: Type, name: &Name) -> Option<Resource> {
        self.0.get(to_xds(ty), name).map(Resource)
    }

    fn absent(&self, ty: Type, name: &Name) -> Option<Resource> {
        self.0.absent(to_xds(ty), name).map(Resource)
    }

    fn for_each(&self, ty: Type, each: &mut dyn FnMut(&Resource)) {
        self.0.for_each(to_xds(ty), &mut |entry| each(&Resource(entry.clone())));
    }

    fn changed_since(&self, sequence: u64) -> Option<Vec<(Type, Name)>> {
        let changed = self.0.changed_since(sequence)?;
        Some(changed.into_iter().map(|ResourceKey { ty, name }| (of_xds(ty), name)).collect())
    }
}

fn to_xds(ty: Type) -> heddle_xds::Type {
    match ty {
        Type::Cluster => heddle_xds::Type::Cluster,
        Type::Endpoint => heddle_xds::Type::Endpoint,
        Type::Listener => heddle_xds::Type::Listener,
        Type::Route => heddle_xds::Type::Route,
    }
}

fn of_xds(ty: heddle_xds::Type) -> Type {
    match ty {
        heddle_xds::Type::Cluster => Type::Cluster,
        heddle_xds::Type::Endpoint => Type::Endpoint,
        heddle_xds::Type::Listener => Type::Listener,
        heddle_xds::Type::Route => Type::Route,
    }
}

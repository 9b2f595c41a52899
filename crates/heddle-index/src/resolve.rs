//! The stages of resolving, in order. Each takes what is dirty for it, recomputes, compares, and marks what
//! depends on what became different.

mod destination;
mod members;
mod network;
mod place;
mod server;
mod status;

use crate::Index;
use heddle_model::Map;
use heddle_model::snapshot::Key;
use std::collections::BTreeSet;

/// The keys that changed so far.
type Changed = BTreeSet<Key>;

/// Puts a value into a map, or takes it out. Returns whether that made a difference.
fn publish<K: Ord + Clone, V: Clone + Eq>(map: &mut Map<K, V>, key: &K, value: Option<V>) -> bool {
    if map.get(key) == value.as_ref() {
        return false;
    }
    match value {
        Some(value) => map.insert(key.clone(), value),
        None => map.remove(key),
    };
    true
}

impl Index {
    /// Recomputes what the events since the last call touch. Returns the keys whose values became different:
    /// none where the result is equal.
    pub fn resolve(&mut self) -> BTreeSet<Key> {
        let mut changed = Changed::new();
        self.resolve_mesh(&mut changed);
        self.resolve_addresses(&mut changed);
        self.resolve_networks(&mut changed);
        self.resolve_nodes();
        self.resolve_members();
        self.resolve_attachments(&mut changed);
        self.resolve_services(&mut changed);
        self.resolve_policies();
        self.resolve_authentications();
        self.resolve_authorizations();
        self.resolve_servers();
        self.resolve_workloads(&mut changed);
        self.resolve_endpoints(&mut changed);
        self.resolve_routes(&mut changed);
        self.resolve_egress(&mut changed);
        self.resolve_reports(&mut changed);
        self.resolve_diagnostics(&mut changed);
        changed
    }
}

//! The keys of two Snapshots that have different values, by comparing all of them.

use heddle_model::snapshot::Key;
use heddle_model::{Map, Snapshot};
use std::collections::BTreeSet;

/// The keys whose values differ: what an incremental computation must have reported.
pub fn difference(a: &Snapshot, b: &Snapshot) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    if a.mesh != b.mesh {
        keys.insert(Key::Mesh);
    }
    keys.extend(differing(&a.workloads, &b.workloads).map(Key::Workload));
    keys.extend(differing(&a.services, &b.services).map(Key::Service));
    keys.extend(differing(&a.endpoints, &b.endpoints).map(Key::Endpoints));
    keys.extend(differing(&a.routes, &b.routes).map(Key::Routes));
    keys.extend(differing(&a.addresses, &b.addresses).map(Key::Address));
    keys.extend(differing(&a.reports, &b.reports).map(Key::Report));
    keys.extend(differing(&a.networks, &b.networks).map(Key::Network));
    keys.extend(differing(&a.egress, &b.egress).map(Key::Egress));
    keys.extend(differing(&a.diagnostics, &b.diagnostics).map(Key::Diagnostics));
    keys
}

fn differing<'a, K: Ord + Clone, V: Clone + PartialEq>(
    a: &'a Map<K, V>,
    b: &'a Map<K, V>,
) -> impl Iterator<Item = K> + 'a {
    a.keys().chain(b.keys()).filter(|key| a.get(*key) != b.get(*key)).cloned()
}

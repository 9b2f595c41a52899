//! What linkerd2-proxies cannot do of what objects say, kept up with the mesh.

use heddle_linkerd::{unenforceable, unordered};
use heddle_model::fact::DataPlane;
use heddle_model::report::Report;
use heddle_model::snapshot::{Key, Workload};
use heddle_model::{Diagnostic, Snapshot, SourceRef, WorkloadKey};
use heddle_status::Shortfalls;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The shortfalls of all linkerd2-proxies, as clients and as servers.
#[derive(Default)]
pub(super) struct OfLinkerd {
    shortfalls: Shortfalls<Key>,
    proxies: BTreeSet<WorkloadKey>,
}

impl OfLinkerd {
    /// Takes in a change. Returns the objects whose reports differ now.
    pub(super) fn follow(&mut self, changed: &BTreeSet<Key>, snapshot: &Snapshot) -> BTreeSet<SourceRef> {
        let had_clients = !self.proxies.is_empty();
        let mut keys = BTreeSet::new();
        for key in changed {
            match key {
                Key::Workload(workload) => {
                    self.count(workload, snapshot.workloads.get(workload).map(|found| &**found));
                    keys.insert(key.clone());
                }
                Key::Routes(_) => drop(keys.insert(key.clone())),
                Key::Mesh => keys.extend(self.proxies.iter().cloned().map(Key::Workload)),
                Key::Service(_)
                | Key::Endpoints(_)
                | Key::Address(_)
                | Key::Egress(_)
                | Key::Report(_)
                | Key::Diagnostics(_) => {}
            }
        }
        if had_clients == self.proxies.is_empty() {
            keys.extend(snapshot.routes.keys().cloned().map(Key::Routes));
        }
        let each = keys.into_iter().map(|key| {
            let now = self.of(&key, snapshot);
            self.shortfalls.replace(key, now)
        });
        each.flatten().collect()
    }

    fn count(&mut self, key: &WorkloadKey, found: Option<&Workload>) {
        if found.is_some_and(|found| found.plane == Some(DataPlane::Linkerd)) {
            self.proxies.insert(key.clone());
        } else {
            self.proxies.remove(key);
        }
    }

    fn of(&self, key: &Key, snapshot: &Snapshot) -> BTreeSet<Diagnostic> {
        match key {
            Key::Workload(key) if self.proxies.contains(key) => unenforceable(snapshot, key),
            Key::Routes(key) if !self.proxies.is_empty() => unordered(snapshot, key),
            Key::Workload(_)
            | Key::Routes(_)
            | Key::Mesh
            | Key::Service(_)
            | Key::Endpoints(_)
            | Key::Address(_)
            | Key::Egress(_)
            | Key::Report(_)
            | Key::Diagnostics(_) => BTreeSet::new(),
        }
    }

    /// The report of an object, with what is not done of it.
    pub(super) fn onto(&self, source: &SourceRef, report: &Arc<Report>) -> Arc<Report> {
        self.shortfalls.onto(source, report)
    }
}

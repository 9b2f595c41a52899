//! Limitations of proxies: asked of each projection, counted by object, kept up with the mesh.

use heddle_model::fact::DataPlane;
use heddle_model::report::{Condition, Report};
use heddle_model::snapshot::{Key, Workload};
use heddle_model::{Counted, Diagnostic, Map, Snapshot, SourceRef, WorkloadKey};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The limitations of one projection: what its proxies cannot do of what a key stands for, in a mesh that has these
/// data planes.
pub type Limitations = fn(&Snapshot, &Key, &BTreeSet<DataPlane>) -> BTreeSet<Diagnostic>;

/// Limitations by the object that they concern. A clone shares everything.
pub type LimitationsByObject = Map<SourceRef, Arc<[Diagnostic]>>;

/// The limitations of all proxies. A change costs what it touches, but for the first and the last proxy of a data plane.
#[derive(Clone, Debug)]
pub struct LimitationTracker {
    projections: &'static [Limitations],
    /// The workloads that have a proxy.
    proxies: BTreeMap<WorkloadKey, DataPlane>,
    /// The number of them by data plane.
    planes: BTreeMap<DataPlane, usize>,
    by_key: BTreeMap<Key, BTreeSet<Diagnostic>>,
    counts: Counted,
    by_object: LimitationsByObject,
}

impl LimitationTracker {
    /// A tracker of an empty mesh.
    pub fn new(projections: &'static [Limitations]) -> Self {
        Self {
            projections,
            proxies: BTreeMap::new(),
            planes: BTreeMap::new(),
            by_key: BTreeMap::new(),
            counts: Counted::default(),
            by_object: Map::new(),
        }
    }

    /// A tracker of a whole mesh.
    pub fn of(projections: &'static [Limitations], snapshot: &Snapshot) -> Self {
        let mut tracker = Self::new(projections);
        let workloads = snapshot.workloads.keys().cloned().map(Key::Workload);
        let routes = snapshot.routes.keys().cloned().map(Key::Routes);
        let egress = snapshot.egress.keys().cloned().map(Key::Egress);
        tracker.follow(&workloads.chain(routes).chain(egress).collect(), snapshot);
        tracker
    }

    /// Takes in a change. Returns the objects whose reports differ now.
    pub fn follow(&mut self, changed: &BTreeSet<Key>, snapshot: &Snapshot) -> BTreeSet<SourceRef> {
        let before = self.planes();
        let mut keys = BTreeSet::new();
        for key in changed {
            match key {
                Key::Workload(workload) => {
                    self.count(workload, snapshot.workloads.get(workload).map(|found| &**found));
                    keys.insert(key.clone());
                }
                Key::Routes(_) | Key::Egress(_) => drop(keys.insert(key.clone())),
                Key::Mesh => keys.extend(self.proxies.keys().cloned().map(Key::Workload)),
                Key::Service(_)
                | Key::Endpoints(_)
                | Key::Address(_)
                | Key::Network(_)
                | Key::Report(_)
                | Key::Diagnostics(_) => {}
            }
        }
        let planes = self.planes();
        if planes != before {
            keys.extend(self.proxies.keys().cloned().map(Key::Workload));
            keys.extend(snapshot.routes.keys().cloned().map(Key::Routes));
            keys.extend(snapshot.egress.keys().cloned().map(Key::Egress));
        }
        let mut touched = BTreeSet::new();
        for key in keys {
            let each = self.projections.iter().flat_map(|limitations| limitations(snapshot, &key, &planes));
            let now = each.collect();
            touched.extend(self.replace(key, now));
        }
        touched.iter().for_each(|source| self.publish(source));
        touched
    }

    /// Returns the limitations of what a key stands for.
    pub fn at(&self, key: &Key) -> impl Iterator<Item = &Diagnostic> {
        self.by_key.get(key).into_iter().flatten()
    }

    /// Returns the limitations of all objects.
    pub fn by_object(&self) -> &LimitationsByObject {
        &self.by_object
    }

    /// The report of an object, with what is not done of it as condition `Enforced`.
    pub fn onto(&self, source: &SourceRef, report: &Arc<Report>) -> Arc<Report> {
        let words: Vec<&str> = self.counts.of(source).map(|one| one.message.as_str()).collect();
        if words.is_empty() {
            return report.clone();
        }
        let (mut report, words) = (Report::clone(report), words.join("; "));
        for subject in &mut report.subjects {
            add(&mut subject.conditions, &words);
        }
        Arc::new(report)
    }

    fn planes(&self) -> BTreeSet<DataPlane> {
        self.planes.keys().copied().collect()
    }

    fn count(&mut self, key: &WorkloadKey, found: Option<&Workload>) {
        let new = found.and_then(|found| found.plane);
        let old = match new {
            Some(plane) => self.proxies.insert(key.clone(), plane),
            None => self.proxies.remove(key),
        };
        if let Some(plane) = new {
            *self.planes.entry(plane).or_default() += 1;
        }
        if let Some(count) = old.and_then(|plane| self.planes.get_mut(&plane)) {
            *count -= 1;
        }
        self.planes.retain(|_, count| *count > 0);
    }

    fn replace(&mut self, key: Key, new: BTreeSet<Diagnostic>) -> BTreeSet<SourceRef> {
        let old = self.by_key.remove(&key).unwrap_or_default();
        let touched = self.counts.replace(&old, &new);
        if !new.is_empty() {
            self.by_key.insert(key, new);
        }
        touched
    }

    fn publish(&mut self, source: &SourceRef) {
        let now: Arc<[Diagnostic]> = self.counts.of(source).cloned().collect();
        if now.is_empty() {
            self.by_object.remove(source);
        } else {
            self.by_object.insert(source.clone(), now);
        }
    }
}

fn add(conditions: &mut Vec<Condition>, words: &str) {
    const KIND: &str = "Enforced";
    let at = conditions.partition_point(|condition| condition.kind < KIND);
    let message = match conditions.get(at) {
        Some(there) if there.kind == KIND => format!("{}; {words}", conditions.remove(at).message),
        Some(_) | None => words.into(),
    };
    conditions.insert(at, Condition::new(KIND, false, "NotEnforced", message));
}

#[cfg(test)]
mod tests;

//! The owner of the published resources.

use crate::entry::version;
use crate::published::{Given, Membership, Published, ResourceSet};
use crate::{Dialect, Entry};
use heddle_model::Snapshot;
use heddle_model::snapshot::Key;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Keeps the resources of every group that a joined client belongs to.
pub struct Catalog<D: Dialect> {
    published: Arc<Published<D>>,
    /// The number of times that each client has joined.
    clients: BTreeMap<D::Client, usize>,
    /// The number of joined clients that belong to each group.
    groups: BTreeMap<D::Group, usize>,
    counters: Counters,
}

/// Work done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls of [`Dialect::project`].
    pub projections: u64,
    /// Resources made into bytes, because they are new or changed.
    pub encodings: u64,
}

/// The difference between two published states: each changed resource of each group.
type Changes<D> = Vec<(<D as Dialect>::Group, <D as Dialect>::Key)>;

impl<D: Dialect> Catalog<D> {
    /// A catalog of `snapshot` without clients.
    pub fn new(snapshot: Snapshot) -> Self {
        Self {
            published: Arc::new(Published::new(snapshot)),
            clients: BTreeMap::new(),
            groups: BTreeMap::new(),
            counters: Counters::default(),
        }
    }

    /// The newest state.
    pub fn published(&self) -> Arc<Published<D>> {
        self.published.clone()
    }

    /// Work done since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes in a client. One that joins twice must leave twice. The sequence stays: for all others nothing
    /// changes.
    pub fn join(&mut self, client: D::Client) -> Arc<Published<D>> {
        let count = self.clients.entry(client.clone()).or_default();
        *count += 1;
        if *count == 1 {
            let mut next = (*self.published).clone();
            let groups = groups::<D>(&client, &next.snapshot);
            self.hold(&groups, &mut next);
            let since = next.sequence;
            next.clients.insert(client, Arc::new(Membership { groups, since }));
            self.published = Arc::new(next);
        }
        self.published()
    }

    /// Lets a client go. What nobody else needs is forgotten. Leaving without having joined changes nothing.
    pub fn leave(&mut self, client: &D::Client) -> Arc<Published<D>> {
        let Some(count) = self.clients.get_mut(client) else { return self.published() };
        *count -= 1;
        if *count == 0 {
            self.clients.remove(client);
            let mut next = (*self.published).clone();
            if let Some(membership) = next.clients.remove(client) {
                self.release(&membership.groups, &mut next);
            }
            self.published = Arc::new(next);
        }
        self.published()
    }

    /// Projects what `changed` touches. The state before stays published if nothing differs.
    pub fn publish(&mut self, changed: &BTreeSet<Key>, new: &Snapshot) -> Arc<Published<D>> {
        let mut next = (*self.published).clone();
        let old = std::mem::replace(&mut next.snapshot, new.clone());
        let mut changes = Changes::<D>::new();
        for group in self.groups.keys() {
            let touched = changed.iter().flat_map(|key| D::touched(group, key, &old, new));
            let touched: BTreeSet<D::Key> = touched.collect();
            if touched.is_empty() {
                continue;
            }
            let Some(mut shelf) = next.shelves.get(group).cloned() else { continue };
            for key in touched {
                if D::is_asked_for(&key) || place::<D>(&mut shelf, group, &key, new, &mut self.counters) {
                    changes.push((group.clone(), key));
                }
            }
            next.shelves.insert(group.clone(), shelf);
        }
        let moved = self.regroup(changed, &mut next);
        if moved || !changes.is_empty() {
            next.sequence += 1;
            next.log.push(next.sequence, changes);
        }
        self.published = Arc::new(next);
        self.published()
    }

    /// Moves clients whose groups changed. Returns whether there was one.
    fn regroup(&mut self, changed: &BTreeSet<Key>, next: &mut Published<D>) -> bool {
        let may_move = |client: &&D::Client| changed.iter().any(|key| D::regroups(client, key));
        let candidates: Vec<D::Client> = self.clients.keys().filter(may_move).cloned().collect();
        let mut moved = false;
        for client in candidates {
            let groups = groups::<D>(&client, &next.snapshot);
            let Some(before) = next.clients.get(&client).filter(|before| before.groups != groups).cloned()
            else {
                continue;
            };
            moved = true;
            self.hold(&groups, next);
            self.release(&before.groups, next);
            let since = next.sequence + 1;
            next.clients.insert(client, Arc::new(Membership { groups, since }));
        }
        moved
    }

    /// Counts a client into its groups; one that is new is projected whole.
    fn hold(&mut self, groups: &[(D::Group, Given)], next: &mut Published<D>) {
        for (group, _) in groups {
            let count = self.groups.entry(group.clone()).or_default();
            *count += 1;
            if *count > 1 {
                continue;
            }
            let mut shelf = ResourceSet::<D>::new();
            for key in D::names(group, &next.snapshot) {
                place::<D>(&mut shelf, group, &key, &next.snapshot, &mut self.counters);
            }
            next.shelves.insert(group.clone(), shelf);
        }
    }

    /// Counts a client out of its groups; one without clients is forgotten.
    fn release(&mut self, groups: &[(D::Group, Given)], next: &mut Published<D>) {
        for (group, _) in groups {
            let Some(count) = self.groups.get_mut(group) else { continue };
            *count -= 1;
            if *count == 0 {
                self.groups.remove(group);
                next.shelves.remove(group);
            }
        }
    }
}

fn groups<D: Dialect>(client: &D::Client, snapshot: &Snapshot) -> Vec<(D::Group, Given)> {
    let with_given = |group: D::Group| {
        let given = if D::is_offered(client, &group, snapshot) { Given::Asked } else { Given::All };
        (group, given)
    };
    D::groups(client, snapshot).into_iter().map(with_given).collect()
}

/// Brings one resource of a group up to date. Returns whether its content changed.
fn place<D: Dialect>(
    shelf: &mut ResourceSet<D>,
    group: &D::Group,
    key: &D::Key,
    snapshot: &Snapshot,
    counters: &mut Counters,
) -> bool {
    counters.projections += 1;
    let Some(projection) = D::project(group, key, snapshot) else {
        return shelf.remove(key).is_some();
    };
    let version = version(&projection);
    let entry = match shelf.get(key) {
        Some(held) if held.version() == version => {
            if *held.sources() != projection.sources || held.needs() != projection.needs {
                shelf.insert(key.clone(), held.with_sources(projection));
            }
            return false;
        }
        Some(_) | None => Entry::new::<D>(key.clone(), version, projection),
    };
    counters.encodings += 1;
    shelf.insert(key.clone(), entry);
    true
}

#[cfg(test)]
mod tests;

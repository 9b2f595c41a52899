//! One published state, for one client.

use crate::published::{Membership, Published};
use crate::{Dialect, Entry, Projection};
use heddle_model::{Name, SourceRef};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The part of a published state that one client gets: the union of its groups, where a later group overrides.
pub struct ClientView<D: Dialect> {
    pub(crate) published: Arc<Published<D>>,
    pub(crate) membership: Arc<Membership<D>>,
}

impl<D: Dialect> Published<D> {
    /// Returns what there is for a client; `None` for one that has not joined.
    pub fn view(self: &Arc<Self>, client: &D::Client) -> Option<ClientView<D>> {
        let membership = self.clients.get(client)?.clone();
        Some(ClientView { published: self.clone(), membership })
    }
}

impl<D: Dialect> ClientView<D> {
    /// The number of the state.
    pub fn sequence(&self) -> u64 {
        self.published.sequence
    }

    /// One resource; `None` if there is none of that name for this client.
    pub fn get(&self, ty: D::Type, name: &Name) -> Option<Entry<D::Key>> {
        self.find(&D::key(ty, name.clone())).cloned()
    }

    fn find(&self, key: &D::Key) -> Option<&Entry<D::Key>> {
        let mut shelves =
            self.membership.groups.iter().rev().filter_map(|group| self.published.shelves.get(group));
        shelves.find_map(|shelf| shelf.get(key))
    }

    /// A body that answers for a name that does not exist; `None` for types that need none.
    pub fn absent(&self, ty: D::Type, name: &Name) -> Option<Entry<D::Key>> {
        let key = D::key(ty, name.clone());
        let projection: Projection<D::Key> = D::absent(&key)?;
        let version = crate::entry::version(&projection);
        Some(Entry::absent::<D>(key, version, projection))
    }

    /// Calls `each` for every resource of a type, ordered by name.
    pub fn for_each(&self, ty: D::Type, each: &mut dyn FnMut(&Entry<D::Key>)) {
        let from = D::key(ty, Name::from(""));
        let shelves = self.membership.groups.iter().filter_map(|group| self.published.shelves.get(group));
        let mut heads: Vec<_> = shelves
            .map(|shelf| shelf.range_from(&from).take_while(|(key, _)| D::ty(key) == ty).peekable())
            .collect();
        while let Some(least) = heads.iter_mut().filter_map(|head| head.peek().map(|(key, _)| *key)).min() {
            let mut last = None;
            for head in &mut heads {
                last = head.next_if(|(key, _)| *key == least).or(last);
            }
            if let Some((_, entry)) = last {
                each(entry);
            }
        }
    }

    /// Returns what appeared, changed or went after the state `sequence`, each once; what a more special group
    /// overrides may be named too. `None` if that is not known any more: compare everything.
    pub fn changed_since(&self, sequence: u64) -> Option<BTreeSet<D::Key>> {
        if sequence < self.membership.since {
            return None;
        }
        let changes = self.published.log.since(sequence)?;
        let mine = changes.filter(|(group, _)| self.membership.groups.contains(group));
        Some(mine.map(|(_, key)| key.clone()).collect())
    }

    /// The objects that a resource came from: whose fault a refusal may be.
    pub fn sources(&self, ty: D::Type, name: &Name) -> BTreeSet<SourceRef> {
        let key = D::key(ty, name.clone());
        self.find(&key).map_or_else(BTreeSet::new, |entry| entry.sources().clone())
    }
}

impl<D: Dialect> Clone for ClientView<D> {
    fn clone(&self) -> Self {
        Self { published: self.published.clone(), membership: self.membership.clone() }
    }
}

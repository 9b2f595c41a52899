//! One published state, for one client.

use crate::published::{Given, Membership, Published, ResourceSet};
use crate::{Dialect, Entry, Projection};
use heddle_model::{Name, SourceRef};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The part of a published state that one client gets: the union of its groups, where a later group overrides.
pub struct ClientView<D: Dialect> {
    pub(crate) client: D::Client,
    pub(crate) published: Arc<Published<D>>,
    pub(crate) membership: Arc<Membership<D>>,
}

impl<D: Dialect> Published<D> {
    /// Returns what there is for a client; `None` for one that has not joined.
    pub fn view(self: &Arc<Self>, client: &D::Client) -> Option<ClientView<D>> {
        let membership = self.clients.get(client)?.clone();
        Some(ClientView { client: client.clone(), published: self.clone(), membership })
    }
}

impl<D: Dialect> ClientView<D> {
    /// The number of the state.
    pub fn sequence(&self) -> u64 {
        self.published.sequence
    }

    /// One resource; `None` if there is none of that name for this client.
    pub fn get(&self, ty: D::Type, name: &Name) -> Option<Entry<D::Key>> {
        let key = D::key(ty, name.clone());
        if D::is_asked_for(&key) {
            let projection = D::asked(&self.client, &key, &self.published.snapshot)?;
            return Some(Entry::asked::<D>(key, projection));
        }
        self.find(&key, |_| true).cloned()
    }

    fn find(&self, key: &D::Key, fits: impl Fn(Given) -> bool) -> Option<&Entry<D::Key>> {
        self.shelves(fits).rev().find_map(|shelf| shelf.get(key))
    }

    /// The contents of its groups, most general first.
    fn shelves(&self, fits: impl Fn(Given) -> bool) -> impl DoubleEndedIterator<Item = &ResourceSet<D>> {
        let groups = self.membership.groups.iter().filter(move |(_, given)| fits(*given));
        groups.filter_map(|(group, _)| self.published.shelves.get(group))
    }

    /// A body that answers for a name that does not exist; `None` for types that need none.
    pub fn absent(&self, ty: D::Type, name: &Name) -> Option<Entry<D::Key>> {
        let key = D::key(ty, name.clone());
        let projection: Projection<D::Key> = D::absent(&key)?;
        Some(Entry::absent::<D>(key, projection))
    }

    /// Calls `each` for every resource of a type, ordered by name.
    pub fn for_each(&self, ty: D::Type, each: &mut dyn FnMut(&Entry<D::Key>)) {
        self.merge(ty, |_| true, each);
    }

    /// Returns whether the client is given a resource unasked.
    pub fn is_given(&self, ty: D::Type, name: &Name) -> bool {
        self.find(&D::key(ty, name.clone()), |given| given == Given::All).is_some()
    }

    /// The resources that the client is given of what is offered before it asks, with all that they need.
    pub fn used(&self) -> Vec<D::Key> {
        D::used(&self.client, &self.published.snapshot)
    }

    /// Calls `each` for every resource of a type that the client is given unasked, ordered by name.
    pub fn for_each_given(&self, ty: D::Type, each: &mut dyn FnMut(&Entry<D::Key>)) {
        self.merge(ty, |given| given == Given::All, each);
    }

    fn merge(&self, ty: D::Type, fits: impl Fn(Given) -> bool, each: &mut dyn FnMut(&Entry<D::Key>)) {
        let from = D::key(ty, Name::from(""));
        let mut heads: Vec<_> = self
            .shelves(fits)
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
        let mine =
            changes.filter(|(changed, _)| self.membership.groups.iter().any(|(group, _)| group == changed));
        Some(mine.map(|(_, key)| key.clone()).collect())
    }

    /// The objects that a resource came from: whose fault a refusal may be.
    pub fn sources(&self, ty: D::Type, name: &Name) -> BTreeSet<SourceRef> {
        self.get(ty, name).map_or_else(BTreeSet::new, |entry| entry.sources().clone())
    }
}

impl<D: Dialect> Clone for ClientView<D> {
    fn clone(&self) -> Self {
        let (published, membership) = (self.published.clone(), self.membership.clone());
        Self { client: self.client.clone(), published, membership }
    }
}

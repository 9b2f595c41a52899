//! One published state.

use crate::log::Log;
use crate::{Dialect, Entry};
use heddle_model::{Map, Snapshot};
use std::sync::Arc;

/// The resources of one group.
pub(crate) type ResourceSet<D> = Map<<D as Dialect>::Key, Entry<<D as Dialect>::Key>>;

/// One published state: it never changes, and shares with its predecessor what is alike.
pub struct Published<D: Dialect> {
    /// The mesh that it is of.
    pub(crate) snapshot: Snapshot,
    pub(crate) sequence: u64,
    pub(crate) shelves: Map<D::Group, ResourceSet<D>>,
    pub(crate) clients: Map<D::Client, Arc<Membership<D>>>,
    pub(crate) log: Log<(D::Group, D::Key)>,
}

/// The way in which a client comes to what a group holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// Unasked.
    All,
    /// As far as it asks for it, or something needs it that it asks for.
    Asked,
}

/// A joined client.
pub(crate) struct Membership<D: Dialect> {
    /// Most general first, and whether the client is given what it holds unasked.
    pub(crate) groups: Vec<(D::Group, Given)>,
    /// The first sequence with these groups.
    pub(crate) since: u64,
}

impl<D: Dialect> Published<D> {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        Self { snapshot, sequence: 0, shelves: Map::new(), clients: Map::new(), log: Log::new() }
    }

    /// Grows by one with every state that differs from the one before; 0 is nothing at all.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Returns how many resources each live group has, for `/debug`.
    pub fn groups(&self) -> impl Iterator<Item = (&D::Group, usize)> {
        self.shelves.iter().map(|(group, shelf)| (group, shelf.len()))
    }
}

impl<D: Dialect> Clone for Published<D> {
    fn clone(&self) -> Self {
        Self {
            snapshot: self.snapshot.clone(),
            sequence: self.sequence,
            shelves: self.shelves.clone(),
            clients: self.clients.clone(),
            log: self.log.clone(),
        }
    }
}

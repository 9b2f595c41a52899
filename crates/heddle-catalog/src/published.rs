//! One published state.

use crate::log::Log;
use crate::{Dialect, Entry};
use heddle_model::Map;
use std::sync::Arc;

/// The resources of one group.
pub(crate) type ResourceSet<D> = Map<<D as Dialect>::Key, Entry<<D as Dialect>::Key>>;

/// One published state: it never changes, and shares with its predecessor what is alike.
pub struct Published<D: Dialect> {
    pub(crate) sequence: u64,
    pub(crate) shelves: Map<D::Group, ResourceSet<D>>,
    pub(crate) clients: Map<D::Client, Arc<Membership<D>>>,
    pub(crate) log: Log<(D::Group, D::Key)>,
}

/// A joined client.
pub(crate) struct Membership<D: Dialect> {
    /// Most general first.
    pub(crate) groups: Vec<D::Group>,
    /// The first sequence with these groups.
    pub(crate) since: u64,
}

impl<D: Dialect> Published<D> {
    pub(crate) fn new() -> Self {
        Self { sequence: 0, shelves: Map::new(), clients: Map::new(), log: Log::new() }
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
            sequence: self.sequence,
            shelves: self.shelves.clone(),
            clients: self.clients.clone(),
            log: self.log.clone(),
        }
    }
}

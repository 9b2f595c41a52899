//! A watch as events of the one queue.
//!
//! A list in progress is kept aside and replaces everything when it is complete, so that one that breaks off
//! halfway loses neither an object nor a delete.

use crate::object;
use heddle_model::{Event, Kind, Lowered, SourceRef};
use kube::api::DynamicObject;
use kube::runtime::watcher;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The state of one kind's watch.
pub(crate) struct Relist {
    kind: Kind,
    /// The list so far, while one is in progress.
    side: Option<Vec<Lowered>>,
    /// A hash of each object that was told of: to count them, and to see that a list lacks some.
    known: BTreeSet<u64>,
}

impl Relist {
    /// Nothing listed yet.
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, side: None, known: BTreeSet::new() }
    }

    /// Returns how many objects there are.
    pub(crate) fn objects(&self) -> usize {
        self.known.len()
    }

    /// Returns whether a list is in progress.
    pub(crate) fn listing(&self) -> bool {
        self.side.is_some()
    }

    /// Gives up a list in progress.
    pub(crate) fn broke(&mut self) {
        self.side = None;
    }

    /// The next event for the queue, if this one makes one. It does not count before it is [`Self::told`].
    pub(crate) fn take(&mut self, event: watcher::Event<DynamicObject>) -> Option<Event> {
        match event {
            watcher::Event::Init => {
                self.side = Some(Vec::new());
                None
            }
            watcher::Event::InitApply(object) => {
                let lowered = object::lowered(self.kind, object);
                self.side.get_or_insert_default().push(lowered);
                None
            }
            watcher::Event::InitDone => {
                let objects = self.side.take().unwrap_or_default();
                Some(Event::Replace(self.kind, objects))
            }
            watcher::Event::Apply(object) => Some(Event::Set(Box::new(object::lowered(self.kind, object)))),
            watcher::Event::Delete(object) => Some(Event::Delete(object::lowered(self.kind, object).source)),
        }
    }

    /// Returns whether an event takes away objects that were told of.
    pub(crate) fn takes_away(&self, event: &Event) -> bool {
        match event {
            Event::Set(_) => false,
            Event::Delete(_) => true,
            Event::Replace(_, objects) => {
                let left: BTreeSet<u64> = objects.iter().map(|object| hash(&object.source)).collect();
                !self.known.is_subset(&left)
            }
        }
    }

    /// Counts an event that goes to the queue.
    pub(crate) fn told(&mut self, event: &Event) {
        match event {
            Event::Set(object) => drop(self.known.insert(hash(&object.source))),
            Event::Delete(source) => drop(self.known.remove(&hash(source))),
            Event::Replace(_, objects) => {
                self.known = objects.iter().map(|object| hash(&object.source)).collect();
            }
        }
    }
}

fn hash(source: &SourceRef) -> u64 {
    let mut hasher = DefaultHasher::new();
    source.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;

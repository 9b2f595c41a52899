//! Answers to questions: each projected once per change, encoded once, and shared by all who ask the same.
//!
//! The other half of what this crate publishes. A resource of the [`crate::Catalog`] has a name that clients list;
//! a feed is the answer to one question, of which clients are told each new edition. [`Feeds`] keep the answers of
//! all topics that somebody follows, and an index from the keys of the Snapshot to the topics made from them.
//!
//! Invariants, each with a test of its name:
//!
//! - A change costs one projection per topic that was made from what changed, however many follow it.
//! - An edition encodes its difference from the one before it once, and its whole at most once.
//! - An equal answer is no edition.
//! - A topic that nobody follows costs nothing.

mod edition;

pub use edition::Edition;

use bytes::Bytes;
use heddle_model::Snapshot;
use heddle_model::snapshot::Key;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

/// The questions of clients, and how they are answered: pure functions of their arguments.
pub trait Feed: 'static {
    /// A question in canonical form.
    type Subscription: Ord + Debug + Send + Sync;
    /// An answer.
    type Answer: PartialEq + Debug + Send + Sync;
    /// Something that an answer may depend on beside keys: that there is none of something.
    type UnkeyedDependency: Ord + Clone + Debug;

    /// Answers a topic, and says what the answer was made from.
    fn project(
        topic: &Self::Subscription,
        snapshot: &Snapshot,
    ) -> Made<Self::Answer, Self::UnkeyedDependency>;

    /// Returns whether a changed key may change what depends on `wide`.
    fn is_changed_by(wide: &Self::UnkeyedDependency, key: &Key, old: &Snapshot, new: &Snapshot) -> bool;

    /// The encoded messages for whoever knows nothing yet.
    fn whole(answer: &Self::Answer) -> Vec<Bytes>;

    /// The encoded messages for whoever knows `old`.
    fn since(answer: &Self::Answer, old: &Self::Answer) -> Vec<Bytes>;

    /// Returns whether whoever follows must ask again: there is nothing to be told, and the answer ends there.
    fn is_end(answer: &Self::Answer) -> bool;
}

/// An answer, and what it was made from: while none of that changes, it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made<A, W> {
    /// The answer.
    pub answer: A,
    /// Keys of the Snapshot.
    pub keys: BTreeSet<Key>,
    /// The dependencies that no key stands for.
    pub wide: BTreeSet<W>,
}

/// The answers of every topic that somebody follows.
pub struct Feeds<F: Feed> {
    snapshot: Snapshot,
    sequence: u64,
    topics: BTreeMap<Arc<F::Subscription>, Held<F>>,
    /// The topics whose answers were made from a key.
    made_from: Index<Key, F::Subscription>,
    /// The same for what no key stands for: rare, and looked through at every change.
    wide: Index<F::UnkeyedDependency, F::Subscription>,
    work: Work,
}

/// The topics whose answers were made from something.
#[derive(Debug)]
struct Index<K, T>(BTreeMap<K, BTreeSet<Arc<T>>>);

struct Held<F: Feed> {
    followers: usize,
    keys: BTreeSet<Key>,
    wide: BTreeSet<F::UnkeyedDependency>,
    newest: Arc<Edition<F>>,
}

/// Work done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Calls of [`Feed::project`].
    pub projections: u64,
    /// Editions that differ from the one before, each encoded once.
    pub editions: u64,
}

/// A topic, and its new edition.
type News<F> = (Arc<<F as Feed>::Subscription>, Arc<Edition<F>>);

impl<F: Feed> Default for Feeds<F> {
    fn default() -> Self {
        let (snapshot, topics, work) = (Snapshot::default(), BTreeMap::new(), Work::default());
        Self { snapshot, sequence: 0, topics, made_from: Index::new(), wide: Index::new(), work }
    }
}

impl<F: Feed> Feeds<F> {
    /// Follows a topic. Whoever follows it twice must leave it twice.
    pub fn join(&mut self, topic: &Arc<F::Subscription>) -> Arc<Edition<F>> {
        if let Some(held) = self.topics.get_mut(topic) {
            held.followers += 1;
            return held.newest.clone();
        }
        self.work.projections += 1;
        let Made { answer, keys, wide } = F::project(topic, &self.snapshot);
        self.made_from.replace(topic, &BTreeSet::new(), &keys);
        self.wide.replace(topic, &BTreeSet::new(), &wide);
        let newest = Arc::new(Edition::first(self.sequence, answer));
        self.topics.insert(topic.clone(), Held { followers: 1, keys, wide, newest: newest.clone() });
        newest
    }

    /// Follows a topic no longer. Returns whether nobody does any more. Without a join it changes nothing.
    pub fn leave(&mut self, topic: &F::Subscription) -> bool {
        let Some(held) = self.topics.get_mut(topic) else { return false };
        held.followers -= 1;
        if held.followers > 0 {
            return false;
        }
        if let Some((topic, held)) = self.topics.remove_entry(topic) {
            self.made_from.replace(&topic, &held.keys, &BTreeSet::new());
            self.wide.replace(&topic, &held.wide, &BTreeSet::new());
        }
        true
    }

    /// Projects again what was made from `changed`. Returns what differs now.
    pub fn publish(&mut self, changed: &BTreeSet<Key>, snapshot: &Snapshot) -> Vec<News<F>> {
        let old = std::mem::replace(&mut self.snapshot, snapshot.clone());
        let touched = changed.iter().filter_map(|key| self.made_from.0.get(key));
        let is_changed = |wide: &F::UnkeyedDependency| {
            changed.iter().any(|key| F::is_changed_by(wide, key, &old, snapshot))
        };
        let widely = self.wide.0.iter().filter(|(wide, _)| is_changed(wide)).map(|(_, topics)| topics);
        let touched: BTreeSet<Arc<F::Subscription>> = touched.chain(widely).flatten().cloned().collect();
        let next = self.sequence + 1;
        let news: Vec<_> = touched.into_iter().filter_map(|topic| self.renew(topic, next)).collect();
        if !news.is_empty() {
            self.sequence = next;
        }
        news
    }

    fn renew(&mut self, topic: Arc<F::Subscription>, sequence: u64) -> Option<News<F>> {
        self.work.projections += 1;
        let Made { answer, keys, wide } = F::project(&topic, &self.snapshot);
        let held = self.topics.get_mut(&topic)?;
        self.made_from.replace(&topic, &held.keys, &keys);
        self.wide.replace(&topic, &held.wide, &wide);
        (held.keys, held.wide) = (keys, wide);
        if *held.newest.answer() == answer {
            return None;
        }
        self.work.editions += 1;
        held.newest = Arc::new(held.newest.next(sequence, answer));
        Some((topic, held.newest.clone()))
    }

    /// Topics that somebody follows.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// Returns whether nobody follows anything.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Work done since the start.
    pub fn work(&self) -> Work {
        self.work
    }
}

impl<K: Ord + Clone, T: Ord> Index<K, T> {
    fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Notes that the answer of a topic is made from `new` now, and was from `old`.
    fn replace(&mut self, topic: &Arc<T>, old: &BTreeSet<K>, new: &BTreeSet<K>) {
        for gone in old.difference(new) {
            let Some(topics) = self.0.get_mut(gone) else { continue };
            topics.remove(topic);
            if topics.is_empty() {
                self.0.remove(gone);
            }
        }
        for came in new.difference(old) {
            self.0.entry(came.clone()).or_default().insert(topic.clone());
        }
    }
}

#[cfg(test)]
mod tests;

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

/// What can be asked, and how it is answered: pure functions of their arguments.
pub trait Feed {
    /// A question in canonical form.
    type Topic: Ord + Debug;
    /// An answer.
    type Answer: PartialEq + Debug;

    /// Answers a topic, and says which keys of the Snapshot the answer was made from.
    fn project(topic: &Self::Topic, snapshot: &Snapshot) -> (Self::Answer, BTreeSet<Key>);

    /// The encoded messages for whoever knows nothing yet.
    fn whole(answer: &Self::Answer) -> Vec<Bytes>;

    /// The encoded messages for whoever knows `old`.
    fn since(answer: &Self::Answer, old: &Self::Answer) -> Vec<Bytes>;

    /// Whether whoever follows must ask again: there is nothing to be told, and the answer ends there.
    fn is_end(answer: &Self::Answer) -> bool;
}

/// The answers of every topic that somebody follows.
pub struct Feeds<F: Feed> {
    sequence: u64,
    topics: BTreeMap<Arc<F::Topic>, Held<F>>,
    /// The topics whose answers were made from a key.
    made_from: BTreeMap<Key, BTreeSet<Arc<F::Topic>>>,
    work: Work,
}

struct Held<F: Feed> {
    followers: usize,
    keys: BTreeSet<Key>,
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
type News<F> = (Arc<<F as Feed>::Topic>, Arc<Edition<F>>);

impl<F: Feed> Default for Feeds<F> {
    fn default() -> Self {
        let (topics, made_from) = (BTreeMap::new(), BTreeMap::new());
        Self { sequence: 0, topics, made_from, work: Work::default() }
    }
}

impl<F: Feed> Feeds<F> {
    /// Follows a topic. Whoever follows it twice must leave it twice.
    pub fn join(&mut self, topic: &Arc<F::Topic>, snapshot: &Snapshot) -> Arc<Edition<F>> {
        if let Some(held) = self.topics.get_mut(topic) {
            held.followers += 1;
            return held.newest.clone();
        }
        self.work.projections += 1;
        let (answer, keys) = F::project(topic, snapshot);
        self.index(topic, &keys);
        let newest = Arc::new(Edition::first(self.sequence, answer));
        self.topics.insert(topic.clone(), Held { followers: 1, keys, newest: newest.clone() });
        newest
    }

    /// Follows a topic no longer. Returns whether nobody does any more. Without a join it changes nothing.
    pub fn leave(&mut self, topic: &F::Topic) -> bool {
        let Some(held) = self.topics.get_mut(topic) else { return false };
        held.followers -= 1;
        if held.followers > 0 {
            return false;
        }
        if let Some((topic, held)) = self.topics.remove_entry(topic) {
            self.unindex(&topic, held.keys.iter());
        }
        true
    }

    /// Projects again what was made from `changed`. Returns what differs now.
    pub fn publish(&mut self, changed: &BTreeSet<Key>, snapshot: &Snapshot) -> Vec<News<F>> {
        let touched = changed.iter().filter_map(|key| self.made_from.get(key)).flatten();
        let touched: BTreeSet<Arc<F::Topic>> = touched.cloned().collect();
        let next = self.sequence + 1;
        let news: Vec<_> =
            touched.into_iter().filter_map(|topic| self.renew(topic, next, snapshot)).collect();
        if !news.is_empty() {
            self.sequence = next;
        }
        news
    }

    fn renew(&mut self, topic: Arc<F::Topic>, sequence: u64, snapshot: &Snapshot) -> Option<News<F>> {
        self.work.projections += 1;
        let (answer, keys) = F::project(&topic, snapshot);
        let held = self.topics.get_mut(&topic)?;
        let before = std::mem::replace(&mut held.keys, keys.clone());
        let news = (*held.newest.answer() != answer).then(|| {
            held.newest = Arc::new(held.newest.next(sequence, answer));
            held.newest.clone()
        });
        if before != keys {
            self.unindex(&topic, before.difference(&keys));
            self.index(&topic, &keys);
        }
        let edition = news?;
        self.work.editions += 1;
        Some((topic, edition))
    }

    fn index(&mut self, topic: &Arc<F::Topic>, keys: &BTreeSet<Key>) {
        for key in keys {
            self.made_from.entry(key.clone()).or_default().insert(topic.clone());
        }
    }

    fn unindex<'a>(&mut self, topic: &Arc<F::Topic>, keys: impl Iterator<Item = &'a Key>) {
        for key in keys {
            let Some(topics) = self.made_from.get_mut(key) else { continue };
            topics.remove(topic);
            if topics.is_empty() {
                self.made_from.remove(key);
            }
        }
    }

    /// Topics that somebody follows.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// Whether nobody follows anything.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Work done since the start.
    pub fn work(&self) -> Work {
        self.work
    }
}

#[cfg(test)]
mod tests;

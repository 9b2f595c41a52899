//! Many values per key: the shape of every inverse index.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::RangeBounds;

/// A set of pairs, found by their first half. Values are few per key, so they are kept in sorted vectors.
#[derive(Clone, Debug)]
pub(crate) struct Multimap<K, V>(BTreeMap<K, Vec<V>>);

/// The direction of a change: a pair comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Comes,
    Goes,
}

impl<K, V> Default for Multimap<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, V: Ord> Multimap<K, V> {
    /// Adds a pair; one that is there already stays once.
    pub(crate) fn add(&mut self, key: K, value: V) {
        let values = self.0.entry(key).or_default();
        if let Err(place) = values.binary_search(&value) {
            if values.is_empty() {
                // Most keys have one value for ever, and a vector would make room for four.
                values.reserve_exact(1);
            }
            values.insert(place, value);
        }
    }

    /// Takes a pair out, if it is there.
    pub(crate) fn remove(&mut self, key: &K, value: &V) {
        let Some(values) = self.0.get_mut(key) else { return };
        if let Ok(place) = values.binary_search(value) {
            values.remove(place);
        }
        if values.is_empty() {
            self.0.remove(key);
        }
    }

    /// Adds a pair or takes it out.
    pub(crate) fn put(&mut self, side: Side, key: K, value: V) {
        match side {
            Side::Comes => self.add(key, value),
            Side::Goes => self.remove(&key, &value),
        }
    }

    /// The keys of a range and their values, in order.
    pub(crate) fn range(&self, range: impl RangeBounds<K>) -> impl Iterator<Item = (&K, &[V])> {
        self.0.range(range).map(|(key, values)| (key, values.as_slice()))
    }

    /// The values of `key`, in order.
    pub(crate) fn of<Q: Ord + ?Sized>(&self, key: &Q) -> &[V]
    where
        K: Borrow<Q>,
    {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }
}

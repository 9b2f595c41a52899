//! Quotas: each key holds no more of something than a given amount.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts what is held by key. A key that holds nothing takes no memory.
#[derive(Debug)]
pub(crate) struct Quota<K: Ord> {
    most: usize,
    held: Mutex<BTreeMap<K, usize>>,
}

/// A part of a key's quota, given back when dropped.
#[derive(Debug)]
pub(crate) struct Held<K: Ord + Clone> {
    quota: Arc<Quota<K>>,
    key: K,
    amount: usize,
}

/// A key would hold more than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// The number of bytes that it would hold.
    pub(crate) came: usize,
    /// The number of bytes that it may hold.
    pub(crate) most: usize,
}

impl<K: Ord + Clone> Quota<K> {
    /// Every key may hold `most`.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// One unit for `key`, or `None` where it holds all it may.
    pub(crate) fn take(self: &Arc<Self>, key: K) -> Option<Held<K>> {
        let mut held = Held { quota: self.clone(), key, amount: 0 };
        held.set(1).ok().map(|()| held)
    }

    /// A part for `key` that is nothing yet, to be [`Held::set`].
    pub(crate) fn open(self: &Arc<Self>, key: K) -> Held<K> {
        Held { quota: self.clone(), key, amount: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone> Held<K> {
    /// Returns whose part it is.
    pub(crate) fn key(&self) -> &K {
        &self.key
    }

    /// Makes this part `amount` large. Where the key would hold too much, the part stays as it was.
    pub(crate) fn set(&mut self, amount: usize) -> Result<(), Exceeded> {
        if amount == self.amount {
            return Ok(());
        }
        let mut held = self.quota.lock();
        let others = held.get(&self.key).map_or(0, |all| all - self.amount);
        let (came, most) = (others.saturating_add(amount), self.quota.most);
        if amount > self.amount && came > most {
            return Err(Exceeded { came, most });
        }
        if came == 0 {
            held.remove(&self.key);
        } else {
            held.insert(self.key.clone(), came);
        }
        self.amount = amount;
        Ok(())
    }
}

impl<K: Ord + Clone> Drop for Held<K> {
    fn drop(&mut self) {
        // Less is always granted.
        let _ = self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_no_more_than_its_quota_and_others_do_not_suffer() {
        let quota = Quota::new(2);
        let first = quota.take("a").expect("free");
        let second = quota.take("a").expect("free");
        assert!(quota.take("a").is_none());
        assert!(quota.take("b").is_some());
        drop(first);
        assert!(quota.take("a").is_some());
        drop(second);
        assert_eq!(quota.lock().len(), 0);
    }

    #[test]
    fn a_part_grows_within_the_quota_and_shrinks_always() {
        let quota = Quota::new(10);
        let (mut first, mut second) = (quota.open("a"), quota.open("a"));
        assert_eq!(first.set(7), Ok(()));
        assert_eq!(second.set(4), Err(Exceeded { came: 11, most: 10 }));
        assert_eq!(second.set(3), Ok(()));
        assert_eq!(first.set(8), Err(Exceeded { came: 11, most: 10 }));
        assert_eq!(first.set(2), Ok(()));
        assert_eq!(second.set(8), Ok(()));
        drop((first, second));
        assert_eq!(quota.lock().len(), 0);
    }
}

//! How many of something each key holds, and no more than a given number.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts what is held by key. A key that holds nothing takes no memory.
#[derive(Debug)]
pub(crate) struct Quota<K: Ord> {
    most: usize,
    held: Mutex<BTreeMap<K, usize>>,
}

/// One unit of a key's quota, given back when dropped.
#[derive(Debug)]
pub(crate) struct Held<K: Ord + Clone> {
    quota: Arc<Quota<K>>,
    key: K,
}

impl<K: Ord + Clone> Quota<K> {
    /// Every key may hold `most`.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// One unit for `key`, or `None` where it holds all it may.
    pub(crate) fn take(self: &Arc<Self>, key: K) -> Option<Held<K>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(&key).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        held.insert(key.clone(), count + 1);
        drop(held);
        Some(Held { quota: self.clone(), key })
    }
}

impl<K: Ord + Clone> Drop for Held<K> {
    fn drop(&mut self) {
        let mut held = self.quota.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(held.remove(&self.key)),
        }
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
        assert_eq!(quota.held.lock().expect("whole").len(), 0);
    }
}

//! Room for a few things at once: of all peers, and of each of them.

use crate::quota::{Held, Quota};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Units that are taken or not: nobody waits.
#[derive(Debug)]
pub(crate) struct Pool<K: Ord> {
    all: Arc<Semaphore>,
    each: Arc<Quota<K>>,
}

/// One unit, given back when dropped.
#[derive(Debug)]
pub(crate) struct Unit<K: Ord + Clone> {
    _all: OwnedSemaphorePermit,
    _each: Held<K>,
}

impl<K: Ord + Clone> Pool<K> {
    /// So many units for all together, and for each key.
    pub(crate) fn new(all: usize, each: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), each: Quota::new(each) }
    }

    /// One unit for `key`; `None` where it has its share, or all are taken.
    pub(crate) fn take(&self, key: K) -> Option<Unit<K>> {
        let each = self.each.take(key)?;
        let all = self.all.clone().try_acquire_owned().ok()?;
        Some(Unit { _all: all, _each: each })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_more_than_its_share() {
        let pool = Pool::new(3, 2);
        let first = [pool.take("a"), pool.take("a")];
        assert!(first.iter().all(Option::is_some) && pool.take("a").is_none());
        let _third = pool.take("b").expect("there is one left");
        assert!(pool.take("b").is_none());
        drop(first);
        assert!(pool.take("b").is_some());
    }
}

//! Rates: each key may do something so many times at once, and then one more every so often.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Keys that are looked through for such as need not be remembered any more, at the least.
const FEW: usize = 1024;

/// A rate for each key. A key that has not come for a while takes no memory.
#[derive(Debug)]
pub(crate) struct Rate<K> {
    burst: u32,
    every: Duration,
    keys: Mutex<Keys<K>>,
}

#[derive(Debug)]
struct Keys<K> {
    /// The time at which the key will have its whole burst again (the "theoretical arrival time" of GCRA).
    whole: BTreeMap<K, Instant>,
    /// With so many keys, those that have their whole burst are forgotten.
    many: usize,
}

impl<K: Ord + Clone> Rate<K> {
    /// `burst` times at once, and then one every `every`.
    pub(crate) fn new(burst: u32, every: Duration) -> Self {
        Self { burst: burst.max(1), every, keys: Mutex::new(Keys { whole: BTreeMap::new(), many: FEW }) }
    }

    /// Counts one more for `key`, or says how long it has to wait for it.
    pub(crate) fn take(&self, key: &K) -> Result<(), Duration> {
        let now = Instant::now();
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = keys.whole.get(key).copied().unwrap_or(now).max(now) + self.every;
        let wait = (whole - now).saturating_sub(self.every * self.burst);
        if !wait.is_zero() {
            return Err(wait);
        }
        keys.forget(now);
        keys.whole.insert(key.clone(), whole);
        Ok(())
    }
}

impl<K: Ord> Keys<K> {
    fn forget(&mut self, now: Instant) {
        if self.whole.len() >= self.many {
            self.whole.retain(|_, whole| *whole > now);
            self.many = (2 * self.whole.len()).max(FEW);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_has_its_burst_and_then_one_at_a_time() {
        let second = Duration::from_secs(1);
        let rate = Rate::new(3, second);
        let taken = |key| (0..5).filter(|_| rate.take(&key).is_ok()).count();
        assert_eq!((taken("a"), taken("b")), (3, 3));
        assert_eq!(rate.take(&"a"), Err(second));
        tokio::time::advance(second).await;
        assert_eq!(taken("a"), 1);
        tokio::time::advance(60 * second).await;
        assert_eq!(taken("a"), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn keys_that_do_not_come_any_more_are_forgotten() {
        let rate = Rate::new(1, Duration::from_secs(1));
        for key in 0..10 * FEW {
            assert!(rate.take(&key).is_ok());
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(rate.keys.lock().unwrap().whole.len() <= FEW);
    }
}

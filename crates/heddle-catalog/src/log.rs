//! The log of recent changes, for readers that lag.

use heddle_model::Map;
use std::sync::Arc;

/// The number of changes that are remembered; a reader that lags more compares everything.
pub(crate) const REMEMBERED: usize = 8192;

/// Changes by sequence, the newest [`REMEMBERED`] of them. A clone shares everything.
#[derive(Clone, Debug)]
pub(crate) struct Log<C> {
    batches: Map<u64, Arc<[C]>>,
    len: usize,
    /// The oldest sequence from which the difference is known.
    floor: u64,
}

impl<C> Log<C> {
    pub(crate) fn new() -> Self {
        Self { batches: Map::new(), len: 0, floor: 0 }
    }

    /// Notes what makes `sequence` differ from the one before it.
    pub(crate) fn push(&mut self, sequence: u64, changes: Vec<C>) {
        self.len += changes.len();
        self.batches.insert(sequence, changes.into());
        while self.len > REMEMBERED {
            let Some((&oldest, batch)) = self.batches.iter().next() else { return };
            self.len -= batch.len();
            self.floor = oldest;
            self.batches.remove(&oldest);
        }
    }

    /// Returns what changed after `sequence`, oldest first; `None` if that is not known any more.
    pub(crate) fn since(&self, sequence: u64) -> Option<impl Iterator<Item = &C>> {
        let after = sequence.saturating_add(1);
        (sequence >= self.floor).then(|| self.batches.range_from(&after).flat_map(|(_, batch)| batch.iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(batches: u64, size: usize) -> Log<u64> {
        let mut log = Log::new();
        for sequence in 1..=batches {
            log.push(sequence, vec![sequence; size]);
        }
        log
    }

    #[test]
    fn a_reader_that_lags_is_told_what_it_missed() {
        let log = log(5, 2);
        let since = |sequence| log.since(sequence).map(|changes| changes.copied().collect::<Vec<_>>());
        assert_eq!(since(3), Some(vec![4, 4, 5, 5]));
        assert_eq!(since(5), Some(vec![]));
        assert_eq!(since(0).map(|all| all.len()), Some(10));
    }

    #[test]
    fn a_reader_that_lags_too_much_is_told_so() {
        let log = log(10, REMEMBERED / 4);
        assert!(log.since(5).is_none());
        assert_eq!(log.since(6).map(Iterator::count), Some(REMEMBERED));
    }

    #[test]
    fn a_batch_that_is_too_large_is_not_remembered() {
        let log = log(1, REMEMBERED + 1);
        assert!(log.since(0).is_none());
        assert_eq!(log.since(1).map(Iterator::count), Some(0));
    }
}

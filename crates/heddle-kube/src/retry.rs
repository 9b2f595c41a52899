//! The time of the next attempt.

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::time::Duration;

/// Waits between attempts: from 200 ms, doubled up to ten seconds, each spread so that replicas that lost one
/// API server do not come back together.
pub(crate) struct Retry(Option<ExponentialBackoff>);

/// The longest wait, before its spread.
const LONGEST: Duration = Duration::from_secs(10);

impl Retry {
    /// The next wait is the shortest.
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// It worked: the next wait is the shortest again.
    pub(crate) fn reset(&mut self) {
        self.0 = None;
    }

    /// Returns how long to wait now.
    pub(crate) fn next(&mut self) -> Duration {
        self.0.get_or_insert_with(waits).next().unwrap_or(LONGEST)
    }
}

fn waits() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(LONGEST)
        .with_jitter()
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_never_end() {
        let mut retry = Retry::new();
        assert!(retry.next() < Duration::from_millis(500));
        let late: Vec<Duration> = (0..100).map(|_| retry.next()).skip(20).collect();
        assert!(late.iter().all(|wait| (LONGEST..=LONGEST * 2).contains(wait)), "{late:?}");
        retry.reset();
        assert!(retry.next() < Duration::from_millis(500));
    }
}

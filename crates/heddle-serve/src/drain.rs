//! Ending in good order: not ready, no new connections, streams ended one by one, then the deadline.

use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The end of the process. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    begun: CancellationToken,
    forced: CancellationToken,
    tasks: TaskTracker,
}

impl Drain {
    /// Not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins: readiness fails, nothing new is accepted, streams end within their spread.
    pub fn begin(&self) {
        self.begun.cancel();
        self.tasks.close();
    }

    /// Returns whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Ends when draining begins.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Begins, and waits for everything tracked to end, at most for `deadline`. What still runs then is told to
    /// stop at once. Returns whether all ended in time.
    pub async fn finish(&self, deadline: Duration) -> bool {
        self.begin();
        let in_time = tokio::time::timeout(deadline, self.tasks.wait()).await.is_ok();
        self.forced.cancel();
        in_time
    }

    pub(crate) fn token(&self) -> CancellationToken {
        self.begun.clone()
    }

    pub(crate) fn forced(&self) -> CancellationToken {
        self.forced.clone()
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
}

/// A part of `whole`, evenly spread by `seed`.
pub(crate) fn share(whole: Duration, seed: u32) -> Duration {
    whole.mul_f64(f64::from(seed) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn draining_waits_for_what_runs_but_not_for_ever() {
        let drain = Drain::new();
        drain.tasks().spawn(tokio::time::sleep(Duration::from_secs(2)));
        assert!(drain.finish(Duration::from_secs(5)).await);
        let drain = Drain::new();
        drain.tasks().spawn(tokio::time::sleep(Duration::from_secs(60)));
        assert!(!drain.finish(Duration::from_secs(5)).await);
        assert!(drain.has_begun() && drain.forced().is_cancelled());
    }

    #[test]
    fn a_share_is_between_nothing_and_the_whole() {
        let whole = Duration::from_secs(10);
        assert_eq!(share(whole, 0), Duration::ZERO);
        assert_eq!(share(whole, u32::MAX), whole);
    }
}

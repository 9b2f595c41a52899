//! Lines about what is refused: not as many as peers like.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Lines that are logged in one [`WINDOW`].
const LINES: u32 = 20;
/// The time that lines are counted together.
const WINDOW: Duration = Duration::from_secs(10);

/// Limits the lines about one kind of refusal. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct RefusalLog {
    what: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    since: Instant,
    lines: u32,
    suppressed: u64,
}

impl RefusalLog {
    /// `what` names the kind in the line that counts what was left out.
    pub(crate) fn new(what: &'static str) -> Self {
        let state = State { since: Instant::now(), lines: 0, suppressed: 0 };
        Self { what, state: Arc::new(Mutex::new(state)) }
    }

    /// Calls `log`, unless there were too many lines lately: then it is counted, and the count is logged soon.
    pub(crate) fn line(&self, log: impl FnOnce()) {
        let mut state = self.lock();
        if state.since.elapsed() >= WINDOW {
            (state.since, state.lines) = (Instant::now(), 0);
        }
        if state.lines < LINES {
            state.lines += 1;
            drop(state);
            return log();
        }
        state.suppressed += 1;
        let (first, left) = (state.suppressed == 1, WINDOW.saturating_sub(state.since.elapsed()));
        drop(state);
        if first {
            let own = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(left).await;
                let count = std::mem::take(&mut own.lock().suppressed);
                tracing::info!(what = own.what, count, "refusals not logged");
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_refusals_is_a_few_lines_and_a_count() {
        let log = RefusalLog::new("streams");
        let mut lines = 0;
        for _ in 0..1_000 {
            log.line(|| lines += 1);
        }
        assert_eq!((lines, log.lock().suppressed), (LINES, 1_000 - u64::from(LINES)));
        tokio::time::sleep(WINDOW).await;
        tokio::task::yield_now().await;
        assert_eq!(log.lock().suppressed, 0);
        log.line(|| lines += 1);
        assert_eq!(lines, LINES + 1);
    }
}

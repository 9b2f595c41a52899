//! Waiting for what a real server does in its own time.

use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Asks again and again until the answer is yes.
///
/// # Panics
/// After `limit`, with `what`.
pub async fn within<F: Future<Output = bool>>(limit: Duration, what: &str, mut ask: impl FnMut() -> F) {
    let start = Instant::now();
    while !ask().await {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// The same, for things that need no time of their own.
///
/// # Panics
/// After a minute, with `what`.
pub async fn eventually<F: Future<Output = bool>>(what: &str, ask: impl FnMut() -> F) {
    within(Duration::from_secs(60), what, ask).await;
}

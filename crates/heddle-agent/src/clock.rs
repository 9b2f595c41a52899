//! Waiting by the wall clock, which is what certificates end by.

use std::time::{Duration, SystemTime};

/// The longest sleep in one piece: a machine that was suspended, or whose clock was set, is noticed by then.
const PIECE: Duration = Duration::from_secs(30);

/// Returns once the wall clock shows `moment`.
pub(crate) async fn sleep_until(moment: SystemTime) {
    while let Ok(left) = moment.duration_since(SystemTime::now())
        && !left.is_zero()
    {
        tokio::time::sleep(left.min(PIECE)).await;
    }
}

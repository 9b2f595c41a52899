//! The time of day, which certificates and tokens expire by.

use std::time::SystemTime;

/// The source of the time of day. Timeouts use tokio's clock instead.
pub trait Clock: Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> SystemTime;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

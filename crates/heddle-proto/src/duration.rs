//! `std` durations as messages.

use crate::google::protobuf;
use std::time::Duration;

impl From<Duration> for protobuf::Duration {
    /// Lengths beyond what the message can say (10,000 years) become the longest it can.
    fn from(duration: Duration) -> Self {
        const LONGEST: i64 = 315_576_000_000;
        match i64::try_from(duration.as_secs()) {
            Ok(seconds) if seconds < LONGEST => {
                Self { seconds, nanos: i32::try_from(duration.subsec_nanos()).expect("nanos are below 10^9") }
            }
            _ => Self { seconds: LONGEST, nanos: 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_keeps_its_nanoseconds_and_never_overflows() {
        let check = |duration, seconds, nanos| {
            assert_eq!(protobuf::Duration::from(duration), protobuf::Duration { seconds, nanos });
        };
        check(Duration::ZERO, 0, 0);
        check(Duration::from_millis(1500), 1, 500_000_000);
        check(Duration::MAX, 315_576_000_000, 0);
    }
}

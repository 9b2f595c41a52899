//! The certificate's health as it was logged last, so that each change is logged once.

use crate::csr_client::NoAnswer;
use crate::private::BadFolder;
use std::mem::{Discriminant, discriminant};
use std::time::{Duration, SystemTime};

/// The reason for which there is no newer certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error(transparent)]
    Files(#[from] BadFolder),
}

/// The state of the certificate, as far as it is worth a line in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    /// Nothing was tried yet.
    #[default]
    Starting,
    /// The last request gave a certificate.
    Good,
    /// The last request failed in this way.
    Failing(Kind),
    /// The last request failed in this way, and the certificate in the files has expired.
    Expired(Kind),
}

/// A way of failing: its text may differ from try to try, by a port number or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    NoAnswer(Discriminant<NoAnswer>),
    Files,
}

impl Health {
    pub(crate) fn of(failure: &Failure, ends: Option<SystemTime>, now: SystemTime) -> Self {
        let kind = match failure {
            Failure::NoAnswer(no_answer) => Kind::NoAnswer(discriminant(no_answer)),
            Failure::Files(_) => Kind::Files,
        };
        if ends.is_some_and(|ends| ends < now) { Self::Expired(kind) } else { Self::Failing(kind) }
    }

    /// Takes what is true now. Returns whether that is new.
    pub(crate) fn becomes(&mut self, now: Self) -> bool {
        std::mem::replace(self, now) != now
    }
}

/// The delays between requests while they fail: doubling from 100 ms, with jitter, up to a tenth of the life
/// of the certificate that is in use, and never above half a minute. For ever: there is no last try.
pub(crate) fn delays(life: Option<Duration>) -> impl Iterator<Item = Duration> {
    use backon::BackoffBuilder;
    const LEAST: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_secs(30);
    /// Before the first certificate nothing works, so asking is not put off for long.
    const MOST_AT_FIRST: Duration = Duration::from_secs(5);
    let most = life.map_or(MOST_AT_FIRST, |life| (life / 10).clamp(LEAST, MOST));
    backon::ExponentialBuilder::default()
        .with_min_delay(LEAST)
        .with_max_delay(most)
        .with_jitter()
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable(error: &str) -> Failure {
        NoAnswer::Unreachable { address: "c:1".into(), error: error.into() }.into()
    }

    #[test]
    fn a_state_is_told_once() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let later = Some(now + Duration::from_secs(1));
        let refused = NoAnswer::Refused { code: tonic::Code::Unavailable, message: String::new() }.into();
        let mut health = Health::default();
        let mut told = |next| health.becomes(next);
        assert!(told(Health::of(&unreachable("refused"), None, now)));
        assert!(!told(Health::of(&unreachable("timed out"), later, now)));
        assert!(told(Health::of(&refused, later, now)));
        assert!(told(Health::Good));
        assert!(!told(Health::Good));
        assert!(told(Health::of(&unreachable("refused"), later, now)));
        assert!(told(Health::of(&unreachable("refused"), later, now + Duration::from_secs(2))));
    }

    #[test]
    fn delays_double_to_a_bound_and_never_end() {
        #[track_caller]
        fn check(life: Option<u64>, most: Duration) {
            let all: Vec<_> = delays(life.map(Duration::from_secs)).take(100).collect();
            assert_eq!(all.len(), 100);
            assert!(all[0] >= Duration::from_millis(100) && all[0] <= Duration::from_millis(200));
            // Jitter adds at most the delay itself.
            assert!(all.iter().all(|delay| *delay <= 2 * most), "{all:?}");
            assert!(all[99] >= most, "{all:?}");
        }
        check(None, Duration::from_secs(5));
        check(Some(24 * 3600), Duration::from_secs(30));
        check(Some(60), Duration::from_secs(6));
        check(Some(3), Duration::from_millis(300));
        check(Some(0), Duration::from_millis(100));
    }
}

//! The lifetime of a stream.

use crate::drain::share;
use crate::limits::Limits;
use crate::refusal::Ended;
use std::time::{Duration, SystemTime};

/// Returns how long a stream may still live whose credential counts until `expires`, and why it ends then.
///
/// It ends before its credential does, by the margin or a tenth of what is left if that is less: a certificate
/// of ten seconds holds a stream for nine. A stream ends earlier when it is old; `seed` spreads that.
pub(super) fn lifetime(
    now: SystemTime,
    expires: SystemTime,
    limits: &Limits,
    seed: u32,
) -> (Duration, Ended) {
    let left = expires.duration_since(now).unwrap_or(Duration::ZERO);
    let credential = left - limits.expiry_margin.min(left / 10);
    let age = limits.stream_age - share(limits.stream_age / 10, seed);
    if credential <= age { (credential, Ended::Credential) } else { (age, Ended::Age) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(left: u64, seed: u32, want: (u64, Ended)) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let got = lifetime(now, now + Duration::from_secs(left), &Limits::default(), seed);
        assert_eq!(got, (Duration::from_secs(want.0), want.1));
    }

    #[test]
    fn a_stream_ends_before_its_credential_and_before_it_is_old() {
        check(86_400, 0, (1_800, Ended::Age));
        check(86_400, u32::MAX, (1_620, Ended::Age));
        check(600, 0, (570, Ended::Credential));
        check(10, 0, (9, Ended::Credential));
        check(0, 0, (0, Ended::Credential));
    }
}

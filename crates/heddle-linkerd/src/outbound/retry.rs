//! Timeouts and retries of requests, and the time for which a failing endpoint is left alone.

use crate::l5d::{self, outbound as l5d_out};
use heddle_model::fact::Accrual;
use heddle_model::route::Retry;
use l5d_out::failure_accrual::{ConsecutiveFailures, Kind};
use l5d_out::http_route::{self as route, retry::Conditions, retry::conditions::StatusRange};
use std::time::Duration;

/// A request whose body is longer is not tried again.
const BODY_BYTES: u32 = 64 << 10;
const MIN_BACKOFF: Duration = Duration::from_millis(25);
const MAX_BACKOFF: Duration = Duration::from_millis(250);
/// The status codes that a proxy takes.
const CODES: std::ops::RangeInclusive<u16> = 1..=599;

/// The limits of a request. A length of zero is no limit.
pub(crate) struct Limits<'a> {
    pub(crate) request: Option<Duration>,
    pub(crate) attempt: Option<Duration>,
    pub(crate) retry: Option<&'a Retry>,
}

impl Limits<'_> {
    /// Of the whole. Without retries the one attempt is the whole.
    pub(crate) fn timeouts(&self) -> Option<l5d::Timeouts> {
        let attempt = self.attempt.filter(|_| self.retries().is_none());
        let limits = [self.request, attempt].into_iter().flatten().filter(|limit| !limit.is_zero());
        let request = limits.min()?;
        Some(l5d::Timeouts { request: Some(request.into()), ..l5d::Timeouts::default() })
    }

    /// Of each attempt.
    pub(crate) fn retries(&self) -> Option<route::Retry> {
        let Retry { attempts, codes, backoff } = self.retry.filter(|retry| retry.attempts > 0)?;
        let least = backoff.unwrap_or(MIN_BACKOFF);
        let timeout = self.attempt.filter(|limit| !limit.is_zero());
        Some(route::Retry {
            max_retries: (*attempts).min(u16::MAX.into()),
            max_request_bytes: BODY_BYTES,
            conditions: Some(Conditions { status_ranges: ranges(codes) }),
            timeout: timeout.map(Into::into),
            backoff: Some(exponential(least, least.saturating_mul(10).max(MAX_BACKOFF), 1.0)),
        })
    }
}

/// Neighbours become one range.
fn ranges(codes: &[u16]) -> Vec<StatusRange> {
    let codes: std::collections::BTreeSet<u32> =
        codes.iter().filter(|code| CODES.contains(code)).map(|code| u32::from(*code)).collect();
    let mut ranges: Vec<StatusRange> = Vec::new();
    for code in codes {
        match ranges.last_mut() {
            Some(last) if last.end + 1 == code => last.end = code,
            Some(_) | None => ranges.push(StatusRange { start: code, end: code }),
        }
    }
    ranges
}

/// The time at which an endpoint is left alone.
pub(crate) fn accrual(accrual: Accrual) -> l5d_out::FailureAccrual {
    let Accrual { max_failures, min_penalty, max_penalty, jitter_percent } = accrual;
    let jitter = f32::from(jitter_percent.min(10_000)) / 100.0;
    let failures = ConsecutiveFailures {
        max_failures: max_failures.max(1),
        backoff: Some(exponential(min_penalty, max_penalty, jitter)),
    };
    l5d_out::FailureAccrual { ejection: None, kind: Some(Kind::ConsecutiveFailures(failures)) }
}

/// A proxy takes no backoff whose most is zero or below its least.
fn exponential(least: Duration, most: Duration, jitter_ratio: f32) -> l5d_out::ExponentialBackoff {
    let most = most.max(least).max(Duration::from_millis(1));
    l5d_out::ExponentialBackoff {
        min_backoff: Some(least.into()),
        max_backoff: Some(most.into()),
        jitter_ratio,
        respect_retry_after_hint: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_codes_are_one_range() {
        let got: Vec<_> =
            ranges(&[503, 500, 502, 0, 600, 504, 503]).iter().map(|r| (r.start, r.end)).collect();
        assert_eq!(got, [(500, 500), (502, 504)]);
    }
}

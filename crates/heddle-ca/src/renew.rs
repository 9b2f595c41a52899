//! The time of renewal.

use std::time::{Duration, SystemTime};

/// The moment to renew a certificate: two thirds through its life, less a spread by `seed`.
///
/// The spread is at most one tenth of the life, so ten thousand proxies that start together do not renew
/// together. It depends on `seed` alone, so a restart neither hurries nor delays a renewal.
///
/// Pass as `from` the moment the certificate came rather than its `not_before`: certificates are dated back,
/// and one of a few seconds would seem to be past two thirds of its life from the beginning.
///
/// Returns `from` for a life that is empty or reversed: renew at once. Does not look at the clock.
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use heddle_ca::renew_at;
/// let start = SystemTime::UNIX_EPOCH;
/// let end = start + Duration::from_secs(3000);
/// assert_eq!(renew_at(start, end, 0), start + Duration::from_secs(2000));
/// assert_eq!(renew_at(start, end, u32::MAX), start + Duration::from_secs(1700));
/// assert_eq!(renew_at(end, start, 7), end);
/// ```
pub fn renew_at(from: SystemTime, not_after: SystemTime, seed: u32) -> SystemTime {
    let life = not_after.duration_since(from).unwrap_or(Duration::ZERO);
    let spread = (life / 10).mul_f64(f64::from(seed) / f64::from(u32::MAX));
    from + life * 2 / 3 - spread
}

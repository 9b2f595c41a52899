//! Durations as the Gateway API writes them.

use crate::field::{Field, FieldError};
use std::time::Duration;

/// Reads a duration of the Gateway API (GEP-2257): `^([0-9]{1,5}(h|m|s|ms)){1,4}$`.
pub(crate) fn duration(place: &Field<'_>) -> Result<Duration, FieldError> {
    let text = place.text()?;
    parse(text).ok_or_else(|| {
        place.wrong(format!(
            "{} is not a duration, want one to four of 1h, 1m, 1s, 1ms in a row",
            place.shown()
        ))
    })
}

fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    for _ in 0..4 {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if !(1..=5).contains(&digits) {
            return None;
        }
        let (number, unit) = rest.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let after = unit.trim_start_matches(|c: char| c.is_ascii_lowercase());
        sum += match &unit[..unit.len() - after.len()] {
            "h" => Duration::from_secs(number * 3600),
            "m" => Duration::from_secs(number * 60),
            "s" => Duration::from_secs(number),
            "ms" => Duration::from_millis(number),
            _ => return None,
        };
        rest = after;
        if rest.is_empty() {
            return Some(sum);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_row_of_numbers_with_units() {
        for (text, want) in [
            ("0s", Some(0)),
            ("5s", Some(5_000)),
            ("1h30m", Some(5_400_000)),
            ("1h2m3s4ms", Some(3_723_004)),
            ("99999h", Some(359_996_400_000)),
            ("500ms", Some(500)),
            ("", None),
            ("5", None),
            ("s", None),
            ("-5s", None),
            ("1.5s", None),
            ("100000s", None),
            ("1s1s1s1s1s", None),
            ("1d", None),
            ("5s ", None),
            ("5µs", None),
        ] {
            assert_eq!(parse(text), want.map(Duration::from_millis), "{text:?}");
        }
    }
}

//! Durations as Linkerd's annotations and Go write them.

use crate::field::{Field, FieldError};
use std::time::Duration;

/// Reads a row of whole numbers with units (`ms`, `s`, `m`, `h`, `d`), or a bare `0`.
pub(crate) fn duration(place: &Field<'_>) -> Result<Duration, FieldError> {
    parse(place.text()?.trim()).ok_or_else(|| {
        place.wrong(format!("{} is not a duration, want whole numbers of d, h, m, s or ms", place.shown()))
    })
}

fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    for _ in 0..5 {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if !(1..=10).contains(&digits) {
            return None;
        }
        let (number, unit) = rest.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let after = unit.trim_start_matches(|c: char| c.is_ascii_lowercase());
        let millis = match &unit[..unit.len() - after.len()] {
            "" if text == "0" => 0,
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        sum += Duration::from_millis(number * millis);
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
    fn a_duration_is_whole_numbers_with_units_or_nought() {
        for (text, want) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("500ms", Some(500)),
            ("1d", Some(86_400_000)),
            ("1m30s", Some(90_000)),
            ("9999999999d", Some(863_999_999_913_600_000)),
            ("", None),
            ("5", None),
            ("0.5s", None),
            ("-5s", None),
            ("10x", None),
            ("99999999999s", None),
        ] {
            assert_eq!(parse(text), want.map(Duration::from_millis), "{text:?}");
        }
    }
}

//! Durations as arguments.

use std::time::Duration;

/// Reads `500ms`, `90s`, `15m`, `24h`, `1h30m` (Gateway API durations, GEP-2257).
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wanted = || format!("{text:?} is not a duration, want one like 500ms, 90s, 15m, 24h or 1h30m");
    let (mut total, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wanted)?;
        let number: u32 = rest[..digits].parse().map_err(|_| wanted())?;
        let letters = &rest[digits..];
        let end = letters.find(|c: char| c.is_ascii_digit()).unwrap_or(letters.len());
        let unit = match &letters[..end] {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            _ => return Err(wanted()),
        };
        total = unit.checked_mul(number).and_then(|part| total.checked_add(part)).ok_or_else(wanted)?;
        rest = &letters[end..];
    }
    if total.is_zero() { Err(wanted()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_duration_says_what_is_wanted() {
        assert_eq!(parse("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        for text in ["", "5", "s", "-1s", "1d", "0s", "1.5h"] {
            let want = format!("{text:?} is not a duration, want one like 500ms, 90s, 15m, 24h or 1h30m");
            assert_eq!(parse(text), Err(want));
        }
    }
}

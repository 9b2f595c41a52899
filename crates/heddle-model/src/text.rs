//! Text that somebody else wrote, made fit to be logged, printed and answered.

use std::fmt::Write;

/// Bytes of such a text that are shown where nothing else is said.
pub const SHOWN_BYTES: usize = 512;

/// Returns the items of a list that is divided by commas, as they are written.
pub fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Returns `text` on one line and in at most about `bytes` bytes.
///
/// What does not print is escaped: line breaks, which would forge a line of a log; escape sequences, which a terminal
/// obeys; marks that turn the direction of writing. What is cut off is counted in bytes.
/// Text that is fit already stays as it is, so nothing is escaped twice.
///
/// ```
/// use heddle_model::text::printable;
/// assert_eq!(printable("no such filter: \"jwt\"", 512), "no such filter: \"jwt\"");
/// assert_eq!(printable("a\nINFO forged \u{1b}[2J", 512), "a\\nINFO forged \\u{1b}[2J");
/// assert_eq!(printable("aéaéa", 4), "aéa… (3 bytes more)");
/// ```
pub fn printable(text: &str, bytes: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(bytes));
    for (at, character) in text.char_indices() {
        if shown.len() + character.len_utf8() > bytes {
            let _ = write!(shown, "… ({} bytes more)", text.len() - at);
            break;
        }
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            other => shown.extend(other.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_or_a_log_obeys_is_left() {
        let text = "\u{1b}]0;x\u{7}\r\n\t\0\u{9b}31m\u{202e}gpj.exe\u{2028}\u{feff}\u{200b}";
        let shown = printable(text, SHOWN_BYTES);
        let obeyed = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{202e}' | '\u{feff}');
        assert!(!shown.contains(obeyed), "{shown:?}");
        assert_eq!(printable(&shown, SHOWN_BYTES), shown);
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_what_is_cut_is_counted() {
        let shown = printable(&"é".repeat(1 << 20), SHOWN_BYTES);
        assert!(shown.len() < SHOWN_BYTES + 40, "{} bytes", shown.len());
        assert!(shown.ends_with(&format!("… ({} bytes more)", (2 << 20) - SHOWN_BYTES)), "{shown}");
    }

    #[test]
    fn escapes_count_as_what_they_are_written_with() {
        assert!(printable(&"\0".repeat(100_000), SHOWN_BYTES).len() < SHOWN_BYTES + 40);
    }
}

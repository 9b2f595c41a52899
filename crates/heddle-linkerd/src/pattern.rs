//! Regular expressions as a proxy reads them.
//!
//! It looks for a match anywhere and then wants it to be the whole text: so every expression is anchored, or a shorter
//! alternative found first would hide a longer one. It knows no prefix of a value: that is a literal and anything.

use regex::Regex;

/// An expression that a user wrote about a whole text; `None` where it does not compile, and matches nothing.
pub(crate) fn whole(expression: &str) -> Option<String> {
    let anchored = format!(r"\A(?:{expression})\z");
    Regex::new(&anchored).is_ok().then_some(anchored)
}

/// What begins with this text.
pub(crate) fn prefix(text: &str) -> String {
    format!(r"(?s)\A(?:{}.*)\z", literal(text))
}

/// What ends with this text.
pub(crate) fn suffix(text: &str) -> String {
    format!(r"(?s)\A(?:.*{})\z", literal(text))
}

/// Anything.
pub(crate) fn anything() -> String {
    r"(?s)\A(?:.*)\z".into()
}

/// Whether an expression of a user's matches a whole text.
pub(crate) fn matches(expression: &str, text: &str) -> bool {
    Regex::new(&format!(r"\A(?:{expression})\z")).is_ok_and(|regex| regex.is_match(text))
}

/// A text that means itself: every character but letters and digits is written as its code.
fn literal(text: &str) -> String {
    let one = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_string(),
        false => format!("\\x{{{:x}}}", u32::from(c)),
    };
    text.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_becomes_a_pattern_of_itself_only(text in any::<String>(), other in any::<String>()) {
            let is = |pattern: &str, text: &str| Regex::new(pattern).expect("compiles").is_match(text);
            prop_assert!(is(&prefix(&text), &(text.clone() + &other)));
            prop_assert!(is(&suffix(&text), &(other.clone() + &text)));
            prop_assert_eq!(is(&prefix(&text), &other), other.starts_with(&text));
            prop_assert_eq!(is(&suffix(&text), &other), other.ends_with(&text));
        }
    }
}

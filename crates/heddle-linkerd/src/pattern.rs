//! Regular expressions as a proxy reads them.
//!
//! It looks for a match anywhere and then wants it to be the whole text: so every expression is anchored, or a shorter
//! alternative found first would hide a longer one. It knows no prefix of a value: that is a literal and anything.

use heddle_model::matching::Expressions;
use regex::Regex;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// An expression that a user wrote about a whole text; `None` where it does not compile, and matches nothing.
pub(crate) fn whole(expression: &str) -> Option<String> {
    let anchored = format!(r"\A(?:{expression})\z");
    Regex::new(&anchored).is_ok().then_some(anchored)
}

/// Returns what begins with this text.
pub(crate) fn prefix(text: &str) -> String {
    format!(r"(?s)\A(?:{}.*)\z", literal(text))
}

/// Returns what ends with this text.
pub(crate) fn suffix(text: &str) -> String {
    format!(r"(?s)\A(?:.*{})\z", literal(text))
}

/// Anything.
pub(crate) fn anything() -> String {
    r"(?s)\A(?:.*)\z".into()
}

/// Every text but this one: a proxy has no way to say no.
pub(crate) fn not(text: &str) -> String {
    anchored(&others(text, "", ".+"))
}

/// Returns what does not begin with this text.
pub(crate) fn not_prefix(text: &str) -> String {
    let Some(last) = text.chars().next_back() else { return anchored(NOTHING) };
    let head = &text[..text.len() - last.len_utf8()];
    anchored(&others(head, "|", &but(last, "")))
}

/// Matches no text.
const NOTHING: &str = "[a&&b]";

fn anchored(expression: &str) -> String {
    format!(r"(?s)\A(?:{expression})\z")
}

/// Returns what leaves a text at one of its characters or ends before it, or goes on behind it as `end` says; `at_end` is
/// whether it may also end there.
fn others(text: &str, at_end: &str, end: &str) -> String {
    text.chars().rev().fold(format!("{at_end}{end}"), |rest, c| format!("|{}", but(c, &rest)))
}

/// Another character and anything, or this one and the rest.
fn but(c: char, rest: &str) -> String {
    let c = literal(&c.to_string());
    match rest {
        "" => format!("[^{c}].*"),
        rest => format!("[^{c}].*|{c}(?:{rest})"),
    }
}

/// The expressions that users wrote, each compiled once.
///
/// Comparing the matches of a table asks the same expressions again and again, and compiling one takes a thousand times
/// as long as asking it.
#[derive(Default)]
pub(crate) struct CompiledExpressions(RefCell<BTreeMap<String, Option<Regex>>>);

impl CompiledExpressions {
    /// The most compiled expressions that are kept; beyond it all are compiled again.
    const LIMIT: usize = 4096;
}

impl Expressions for CompiledExpressions {
    fn matches(&self, expression: &str, text: &str) -> bool {
        let mut compiled = self.0.borrow_mut();
        if compiled.len() >= Self::LIMIT && !compiled.contains_key(expression) {
            compiled.clear();
        }
        if !compiled.contains_key(expression) {
            let regex = Regex::new(&format!(r"\A(?:{expression})\z")).ok();
            compiled.insert(expression.into(), regex);
        }
        compiled[expression].as_ref().is_some_and(|regex| regex.is_match(text))
    }
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

        #[test]
        fn what_a_text_is_not_is_everything_else(text in "[a-c\\-]{0,4}", other in "[a-c\\-]{0,5}") {
            let is = |pattern: &str| Regex::new(pattern).expect("compiles").is_match(&other);
            prop_assert_eq!(is(&not(&text)), other != text);
            prop_assert_eq!(is(&not_prefix(&text)), !other.starts_with(&text));
        }
    }
}

//! Paths that a proxy resolves to others are told from all that it compares, by expressions.

use heddle_model::path::{UNRESOLVED, resolve};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;

/// Parts of which spellings are made.
const PARTS: [&str; 27] = [
    "/", "/", "/", ".", ".", "..", "%2e", "%2E", "%2F", "%5c", "\\", "a", "b", "%61", "%7b", "{", "%00",
    "%3B", "~", "=", "%c3", "%C3", "|", "%2D", "%20", "%41", "%",
];

fn is_unresolved(path: &str) -> bool {
    UNRESOLVED.iter().any(|text| Regex::new(&format!("^(?:{text})$")).expect("an expression").is_match(path))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_resolved_is_never_taken_for_something_else(parts in vec(select(&PARTS[..]), 0..10)) {
        let path = format!("/{}", parts.concat());
        match resolve(&path) {
            Some(resolved) => {
                prop_assert!(!is_unresolved(&resolved), "{} is {}", path, resolved);
                prop_assert_eq!(is_unresolved(&path), resolved != path, "{} is {}", path, resolved);
            }
            None => prop_assert!(is_unresolved(&path), "{}", path),
        }
    }
}

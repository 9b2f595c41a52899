//! Labels of an object, or those that a selector asks for.

use crate::Name;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Pairs of a key and a value, each key once. Every Pod has a few: kept in one sorted piece of memory, a
/// quarter of what an ordinary ordered map takes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels(Arc<[(Name, Name)]>);

impl Labels {
    /// No labels.
    pub fn new() -> Self {
        Self(Arc::new([]))
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Name> {
        let place = self.0.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        Some(&self.0[place].1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::new()
    }
}

/// Of two values of one key the later holds.
impl FromIterator<(Name, Name)> for Labels {
    fn from_iter<I: IntoIterator<Item = (Name, Name)>>(pairs: I) -> Self {
        let pairs: BTreeMap<Name, Name> = pairs.into_iter().collect();
        Self(pairs.into_iter().collect())
    }
}

impl std::fmt::Debug for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_by_key_and_do_not_depend_on_order() {
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            pairs.iter().map(|(key, value)| (Name::from(*key), Name::from(*value))).collect()
        };
        let some = labels(&[("b", "2"), ("a", "0"), ("c", "3"), ("a", "1")]);
        assert_eq!(some, labels(&[("a", "1"), ("b", "2"), ("c", "3")]));
        assert_eq!(some.get("a").map(Name::as_str), Some("1"));
        assert_eq!(some.get("d"), None);
        assert_eq!(format!("{some:?}"), r#"{"a": "1", "b": "2", "c": "3"}"#);
    }
}

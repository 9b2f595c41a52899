//! Labels of an object, or those that a selector asks for.

use crate::Name;
use std::collections::{BTreeMap, BTreeSet};
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

    /// Returns whether there are none.
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

/// A selection of objects by their labels. An empty one selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// All of these must be there.
    pub labels: Labels,
    /// All of these must hold: a key, and what its value must be.
    pub conditions: Vec<(Name, LabelCondition)>,
}

/// A condition on the value of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelCondition {
    /// One of these.
    In(BTreeSet<Name>),
    /// None of these; an absent label is none of them.
    NotIn(BTreeSet<Name>),
    /// Anything, but there.
    Exists,
    /// Absent.
    DoesNotExist,
}

impl Selector {
    /// Returns whether an object with these labels is meant.
    pub fn selects(&self, labels: &Labels) -> bool {
        let Self { labels: wanted, conditions } = self;
        wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
            && conditions.iter().all(|(key, condition)| condition.holds(labels.get(key)))
    }
}

impl LabelCondition {
    fn holds(&self, value: Option<&Name>) -> bool {
        match self {
            Self::In(values) => value.is_some_and(|value| values.contains(value)),
            Self::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
        }
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

    #[test]
    fn a_selector_wants_all_of_its_labels_and_conditions() {
        let web: Labels = [("app".into(), "web".into())].into_iter().collect();
        let values = || BTreeSet::from(["web".into(), "api".into()]);
        let selects = |key: &str, condition: LabelCondition| {
            let selector = Selector { labels: web.clone(), conditions: vec![(key.into(), condition)] };
            selector.selects(&web)
        };
        assert!(Selector::default().selects(&Labels::new()) && Selector::default().selects(&web));
        assert!(selects("app", LabelCondition::In(values())));
        assert!(!selects("tier", LabelCondition::In(values())));
        assert!(!selects("app", LabelCondition::NotIn(values())));
        assert!(selects("tier", LabelCondition::NotIn(values())), "an absent label has no such value");
        assert!(selects("app", LabelCondition::Exists) && !selects("tier", LabelCondition::Exists));
        assert!(
            selects("tier", LabelCondition::DoesNotExist) && !selects("app", LabelCondition::DoesNotExist)
        );
        let other = Selector { labels: web.clone(), conditions: Vec::new() };
        assert!(!other.selects(&Labels::new()));
    }
}

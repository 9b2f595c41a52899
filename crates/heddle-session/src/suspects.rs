//! The resources that a refusal may speak of.

use heddle_model::Name;
use std::collections::BTreeMap;

/// Those of `names` that occur in `text` as a word of their own, in the order of `names`.
///
/// Envoy writes `Error adding/updating cluster(s) NAME: reason, NAME: reason`. A name may begin like
/// another (`shop/web` and `shop/web:80`): at one place of the text the longest counts.
pub(crate) fn suspects<'a>(text: &str, names: impl Iterator<Item = &'a Name>) -> Vec<Name> {
    let mut longest: BTreeMap<usize, &Name> = BTreeMap::new();
    let names: Vec<&Name> = names.filter(|name| !name.is_empty()).collect();
    for name in &names {
        for (at, _) in text.match_indices(name.as_str()) {
            if !is_word(text, at, at + name.len()) {
                continue;
            }
            let found = longest.entry(at).or_insert(name);
            if found.len() < name.len() {
                *found = name;
            }
        }
    }
    names.into_iter().filter(|name| longest.values().any(|found| found == name)).cloned().collect()
}

/// Returns whether nothing that could belong to a name touches `text[from..to]`.
fn is_word(text: &str, from: usize, to: usize) -> bool {
    let before = text[..from].chars().next_back();
    let mut after = text[to..].chars();
    let belongs = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '.' | ':');
    if before.is_some_and(belongs) {
        return false;
    }
    // A colon or full stop ends a name if nothing of a name follows it.
    match after.next() {
        Some(':' | '.') => !after.next().is_some_and(belongs),
        Some(c) => !belongs(c),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &[&str]) {
        let names = ["shop/web", "shop/web:80", "shop/web:8080", "p2"].map(Name::from);
        let got = suspects(text, names.iter());
        assert_eq!(got.iter().map(Name::as_str).collect::<Vec<_>>(), want, "{text}");
    }

    #[test]
    fn a_name_counts_only_as_a_word_of_its_own() {
        check("Error adding/updating cluster(s) p2: no such socket", &["p2"]);
        check("Error adding/updating listener(s) shop/web:80: bad, p2: bad", &["shop/web:80", "p2"]);
        check("Error adding/updating listener(s) shop/web:8080: bad", &["shop/web:8080"]);
        check("shop/web: bad", &["shop/web"]);
        check("cluster 'shop/web' is bad.", &["shop/web"]);
        check("route: unknown cluster p2.", &["p2"]);
        check("xp2 p22 p2/x myshop/web", &[]);
        check("", &[]);
    }
}

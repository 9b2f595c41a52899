//! An index of a table's entries by path: the entries that can have a request in common with a match.

use heddle_model::http::{HttpMatch, PathMatch};
use std::collections::BTreeMap;

/// The places of a table's entries, by the text of their paths.
pub(super) struct Paths<'a> {
    /// Exact paths and prefixes; entries without a path are at the empty text.
    texts: BTreeMap<&'a str, Vec<usize>>,
    /// Entries whose path is a regular expression.
    expressions: Vec<usize>,
    entries: usize,
}

impl<'a> Paths<'a> {
    /// Indexes the entries of a table, in its order.
    pub(super) fn new(entries: &'a [HttpMatch]) -> Self {
        let mut paths = Self { texts: BTreeMap::new(), expressions: Vec::new(), entries: entries.len() };
        for (place, entry) in entries.iter().enumerate() {
            match &entry.path {
                None => paths.texts.entry("").or_default().push(place),
                Some(PathMatch::Exact(path) | PathMatch::Prefix(path)) => {
                    paths.texts.entry(path.as_str()).or_default().push(place);
                }
                Some(PathMatch::Regex(_)) => paths.expressions.push(place),
            }
        }
        paths
    }

    /// Returns, in order, the places of the entries whose paths may hold the whole of a match's path.
    pub(super) fn holding(&self, matcher: &HttpMatch) -> Vec<usize> {
        let text = match &matcher.path {
            None => "",
            Some(PathMatch::Exact(path) | PathMatch::Prefix(path)) => path.as_str(),
            // Only the root and the same expression hold an expression.
            Some(PathMatch::Regex(_)) => "",
        };
        self.ordered(ancestors(text).flat_map(|text| self.at(text)))
    }

    /// Returns, in order, the places of the entries that a proxy might rank behind a match although they share requests
    /// with it: their paths are no longer than its own, or either is an expression.
    pub(super) fn outranked(&self, matcher: &HttpMatch) -> Vec<usize> {
        let text = match &matcher.path {
            Some(PathMatch::Regex(_)) => return (0..self.entries).collect(),
            None => "",
            Some(PathMatch::Exact(path) | PathMatch::Prefix(path)) => path.as_str(),
        };
        // A proxy counts the root as one character, as long as the exact path `/`.
        let root = text.is_empty().then_some("/");
        self.ordered(ancestors(text).chain(root).flat_map(|text| self.at(text)))
    }

    fn at(&self, text: &str) -> &[usize] {
        self.texts.get(text).map_or(&[], Vec::as_slice)
    }

    fn ordered<'b>(&'b self, texts: impl Iterator<Item = &'b usize>) -> Vec<usize> {
        let mut places: Vec<usize> = texts.chain(&self.expressions).copied().collect();
        places.sort_unstable();
        places
    }
}

/// Returns a path and all that it lies within, by whole elements.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(end, _)| &path[..end]).chain([path])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_lies_within_whole_elements() {
        assert_eq!(ancestors("/a/b").collect::<Vec<_>>(), ["", "/a", "/a/b"]);
        assert_eq!(ancestors("/a/").collect::<Vec<_>>(), ["", "/a", "/a/"]);
        assert_eq!(ancestors("").collect::<Vec<_>>(), [""]);
    }
}

//! A table of routes for a proxy that takes the best match, not the first.
//!
//! A proxy ranks what matches a request by the length of the path matched, then by the number of headers, of query
//! parameters, and whether a method is named; the first of equals wins. The table's order is the Gateway API's, which
//! ranks otherwise. Where the proxy's order would prefer a later entry to an earlier one that matches too, an entry for
//! what both have in common is put in: it ranks no lower than either, and does what the earlier one does.
//!
//! Tables grow with what tenants write: entries are compared only where their paths can meet, and never beyond a bound.

mod paths;

use crate::l5d;
use crate::matching;
use crate::pattern::CompiledExpressions;
use heddle_model::http::{HttpMatch, PathMatch};
use heddle_model::matching::Meet;
use heddle_model::route::{RouteRule, RouteTable};
use paths::Paths;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most entries that are put in, and the most pairs that are told: what is beyond is told as a whole.
const LIMIT: usize = 512;
/// The most pairs of entries that are compared: one table's order takes a bounded part of everyone's time.
const COMPARISONS: usize = 1_000_000;

/// A pair of a table's entries, by their places, of which a proxy may take the second where the first is meant.
pub(crate) type Pair = (usize, usize);

/// The matches at which a proxy's order differs from the table's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unordered {
    /// The pairs that were found, at most [`LIMIT`].
    pub(crate) pairs: Vec<Pair>,
    /// There may be more: the table is too large to compare all its entries.
    pub(crate) is_partial: bool,
}

/// An entry, and the place in the table of the entry that says what is done.
struct Entry {
    place: usize,
    matcher: HttpMatch,
}

/// The entries in an order in which a proxy's best match is the table's first.
pub(crate) fn best_match(table: &RouteTable<HttpMatch>) -> Vec<(l5d::HttpRouteMatch, &RouteRule)> {
    let (entries, _) = closed(table);
    let message =
        |entry: Entry| Some((matching::message(&entry.matcher)?, &*table.entries[entry.place].rule));
    entries.into_iter().filter_map(message).collect()
}

/// Returns where a proxy may still take a later entry: a regular expression of paths cannot be narrowed by another.
pub(crate) fn unordered(table: &RouteTable<HttpMatch>) -> Unordered {
    closed(table).1
}

fn closed(table: &RouteTable<HttpMatch>) -> (Vec<Entry>, Unordered) {
    let all: Vec<HttpMatch> = table.entries.iter().map(|entry| entry.matcher.normal()).collect();
    let mut closure = Closure {
        table,
        all: &all,
        paths: Paths::new(&all),
        expressions: CompiledExpressions::default(),
        comparisons: 0,
        unordered: Unordered::default(),
    };
    let own: BTreeSet<usize> =
        (0..all.len()).filter(|place| closure.first(&all[*place]) == Some(*place)).collect();
    let mut entries: Vec<Entry> =
        own.iter().map(|place| Entry { place: *place, matcher: all[*place].clone() }).collect();
    let mut known: BTreeSet<HttpMatch> = entries.iter().map(|entry| entry.matcher.clone()).collect();
    let mut next = 0;
    while next < entries.len() {
        let (place, matcher) = (entries[next].place, entries[next].matcher.clone());
        next += 1;
        for earlier in closure.preferred(&own, place, &matcher) {
            match all[earlier].meet(&matcher, &closure.expressions) {
                Meet::Nothing => {}
                Meet::Both(both) if known.contains(&both) => {}
                Meet::Both(both) if entries.len() < own.len() + LIMIT => {
                    known.insert(both.clone());
                    let place = closure.first(&both).unwrap_or(earlier);
                    entries.push(Entry { place, matcher: both });
                }
                Meet::Both(_) | Meet::Unknown => closure.unordered.push((earlier, place)),
            }
        }
    }
    entries.sort_by_key(|entry| entry.place);
    (entries, closure.unordered)
}

/// A table that is being closed under what its entries have in common.
struct Closure<'a> {
    table: &'a RouteTable<HttpMatch>,
    all: &'a [HttpMatch],
    paths: Paths<'a>,
    expressions: CompiledExpressions,
    comparisons: usize,
    unordered: Unordered,
}

impl Closure<'_> {
    /// Returns the place of the first entry that holds every request of a match, or `None` where there is none.
    fn first(&mut self, matcher: &HttpMatch) -> Option<usize> {
        let mut places = self.paths.holding(matcher).into_iter();
        let all = self.all;
        places.find(|place| {
            self.comparisons += 1;
            matcher.is_within(&all[*place], &self.expressions)
        })
    }

    /// Returns the entries before a place that do something else, and that a proxy may rank behind the match there.
    fn preferred(&mut self, own: &BTreeSet<usize>, place: usize, matcher: &HttpMatch) -> Vec<usize> {
        let candidates = self.paths.outranked(matcher).into_iter().take_while(|earlier| *earlier < place);
        let candidates: Vec<usize> = candidates.filter(|earlier| own.contains(earlier)).collect();
        self.comparisons += candidates.len();
        if self.comparisons > COMPARISONS {
            self.unordered.is_partial = true;
            return Vec::new();
        }
        let rule = |place: usize| &self.table.entries[place].rule;
        let differs = |earlier: &usize| {
            !Arc::ptr_eq(rule(*earlier), rule(place)) && may_beat(matcher, &self.all[*earlier])
        };
        candidates.into_iter().filter(differs).collect()
    }
}

impl Unordered {
    fn push(&mut self, pair: Pair) {
        match self.pairs.len() < LIMIT {
            true => self.pairs.push(pair),
            false => self.is_partial = true,
        }
    }
}

/// Returns whether a proxy would prefer `a` on some request that both match.
fn may_beat(a: &HttpMatch, b: &HttpMatch) -> bool {
    let rest = |of: &HttpMatch| (of.headers.len(), of.query.len(), of.method.is_some());
    let ties = rest(a) > rest(b);
    match (&a.path, &b.path) {
        // Of these the whole path is matched.
        (
            Some(PathMatch::Exact(_) | PathMatch::Regex(_)),
            Some(PathMatch::Exact(_) | PathMatch::Regex(_)),
        ) => ties,
        (Some(PathMatch::Exact(path)), other) => path.len() > length(other.as_ref()) || ties,
        (Some(PathMatch::Regex(_)), _) => true,
        // Only where the prefix is the whole path does it tie.
        (prefix, Some(PathMatch::Exact(path))) => path.len() <= length(prefix.as_ref()) && ties,
        (_, Some(PathMatch::Regex(_))) => ties,
        (a, b) => {
            let (a, b) = (length(a.as_ref()), length(b.as_ref()));
            a > b || (a == b && ties)
        }
    }
}

/// Returns how much of a path a prefix matches; the root counts 1.
fn length(path: Option<&PathMatch>) -> usize {
    match path {
        None => 1,
        Some(PathMatch::Prefix(path) | PathMatch::Exact(path) | PathMatch::Regex(path)) => path.len().max(1),
    }
}

#[cfg(test)]
mod tests;

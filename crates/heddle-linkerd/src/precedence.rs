//! A table of routes for a proxy that takes the best match, not the first.
//!
//! A proxy ranks what matches a request by the length of the path matched, then by the number of headers, of query
//! parameters, and whether a method is named; the first of equals wins. The table's order is the Gateway API's, which
//! ranks otherwise. Where the proxy's order would prefer a later entry to an earlier one that matches too, an entry for
//! what both have in common is put in: it ranks no lower than either, and does what the earlier one does.

use crate::l5d;
use crate::matching::{self, Meet};
use heddle_model::http::{HttpMatch, PathMatch};
use heddle_model::route::{RouteRule, RouteTable};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many entries are put in at most: what is beyond is told by [`unordered`].
const MOST: usize = 512;

/// A pair of a table's entries, by their places, of which a proxy may take the second where the first is meant.
pub(crate) type Pair = (usize, usize);

/// An entry, and the place in the table of the entry that says what is done.
struct Entry {
    place: usize,
    matcher: HttpMatch,
}

/// The entries in an order in which a proxy's best match is the table's first.
pub(crate) fn best_match(table: &RouteTable<HttpMatch>) -> Vec<(l5d::HttpRouteMatch, &RouteRule)> {
    let (entries, _) = closed(table);
    let told = |entry: Entry| Some((matching::message(&entry.matcher)?, &*table.entries[entry.place].rule));
    entries.into_iter().filter_map(told).collect()
}

/// Where a proxy may still take a later entry: a regular expression of paths cannot be narrowed by another.
pub(crate) fn unordered(table: &RouteTable<HttpMatch>) -> Vec<Pair> {
    closed(table).1
}

fn closed(table: &RouteTable<HttpMatch>) -> (Vec<Entry>, Vec<Pair>) {
    let all: Vec<HttpMatch> = table.entries.iter().map(|entry| matching::normal(&entry.matcher)).collect();
    let first = |matcher: &HttpMatch| all.iter().position(|of| matching::is_within(matcher, of));
    let seen = (0..all.len()).filter(|place| first(&all[*place]) == Some(*place));
    let own: Vec<usize> = seen.collect();
    let mut entries: Vec<Entry> =
        own.iter().map(|place| Entry { place: *place, matcher: all[*place].clone() }).collect();
    let mut known: BTreeSet<HttpMatch> = entries.iter().map(|entry| entry.matcher.clone()).collect();
    let (mut pairs, mut next) = (Vec::new(), 0);
    while next < entries.len() {
        let later = &entries[next];
        let (place, matcher) = (later.place, later.matcher.clone());
        next += 1;
        for earlier in own.iter().copied().take_while(|earlier| *earlier < place) {
            let same = Arc::ptr_eq(&table.entries[earlier].rule, &table.entries[place].rule);
            if same || !may_beat(&matcher, &all[earlier]) {
                continue;
            }
            match matching::meet(&all[earlier], &matcher) {
                Meet::Nothing => {}
                Meet::Both(both) if known.contains(&both) => {}
                Meet::Both(both) if entries.len() < own.len() + MOST => {
                    known.insert(both.clone());
                    let place = first(&both).unwrap_or(earlier);
                    entries.push(Entry { place, matcher: both });
                }
                Meet::Both(_) | Meet::Unknown => pairs.push((earlier, place)),
            }
        }
    }
    entries.sort_by_key(|entry| entry.place);
    (entries, pairs)
}

/// Whether a proxy would prefer `a` on some request that both match.
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

/// How much of a path a prefix matches; the root counts 1.
fn length(path: Option<&PathMatch>) -> usize {
    match path {
        None => 1,
        Some(PathMatch::Prefix(path) | PathMatch::Exact(path) | PathMatch::Regex(path)) => path.len().max(1),
    }
}

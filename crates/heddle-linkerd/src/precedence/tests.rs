//! The index by path leaves out no comparison that matters, and a large table takes a bounded number of them.

use super::*;
use heddle_model::http::{KeyMatch, ValueMatch};
use heddle_model::route::RouteEntry;
use heddle_model::{Kind, SourceRef};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn path() -> impl Strategy<Value = PathMatch> {
    let text = select(vec!["/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/b", "//a", "/a//b"]);
    let regex = select(vec!["/a(/.*)?", "/[ab]+", "/"]);
    prop_oneof![
        text.clone().prop_map(|text| PathMatch::Exact(text.into())),
        text.prop_map(|text| PathMatch::Prefix(text.trim_end_matches('/').into())),
        regex.prop_map(|text| PathMatch::Regex(text.into())),
    ]
}

fn matcher() -> impl Strategy<Value = HttpMatch> {
    let header =
        select(vec!["x", "y"]).prop_map(|name| KeyMatch { name: name.into(), value: ValueMatch::Present });
    let method = option::of(select(vec!["GET", "PUT"]).prop_map(Into::into));
    (option::of(path()), method, vec(header, 0..2))
        .prop_map(|(path, method, headers)| HttpMatch { path, method, headers, query: Vec::new() }.normal())
}

proptest! {
    #[test]
    fn entries_whose_paths_cannot_meet_need_no_comparison(all in vec(matcher(), 1..12)) {
        let (paths, expressions) = (Paths::new(&all), CompiledExpressions::default());
        for one in &all {
            let (holding, outranked) = (paths.holding(one), paths.outranked(one));
            for (place, other) in all.iter().enumerate() {
                let holds = one.is_within(other, &expressions);
                prop_assert!(!holds || holding.contains(&place), "{other:?} holds {one:?}");
                let meets = other.meet(one, &expressions) != Meet::Nothing;
                prop_assert!(!(meets && may_beat(one, other)) || outranked.contains(&place), "{one:?} {other:?}");
            }
        }
    }
}

fn table(matchers: impl Iterator<Item = HttpMatch>) -> RouteTable<HttpMatch> {
    let rule = |index| RouteRule {
        source: SourceRef::new(Kind::HttpRoute, "shop", "cart"),
        index,
        filters: Default::default(),
        redirect: None,
        mirrors: Vec::new(),
        backends: Vec::new(),
        request_timeout: None,
        backend_timeout: None,
        retry: None,
    };
    let entries =
        matchers.enumerate().map(|(index, matcher)| RouteEntry { matcher, rule: Arc::new(rule(index)) });
    RouteTable { entries: entries.collect() }
}

#[test]
fn paths_apart_from_each_other_are_not_compared() {
    let exact = |n: usize| HttpMatch {
        path: Some(PathMatch::Exact(format!("/p{n}").into())),
        ..HttpMatch::default()
    };
    let table = table((0..4096).map(exact));
    let all: Vec<HttpMatch> = table.entries.iter().map(|entry| entry.matcher.clone()).collect();
    let paths = Paths::new(&all);
    assert_eq!(all.iter().map(|matcher| paths.outranked(matcher).len()).sum::<usize>(), 4096);
    assert_eq!(unordered(&table), Unordered::default());
}

#[test]
fn a_table_with_too_much_in_common_is_told_as_a_whole() {
    let header = |n: usize| HttpMatch {
        headers: vec![KeyMatch { name: format!("x-{n}").into(), value: ValueMatch::Present }],
        ..HttpMatch::default()
    };
    let (_, unordered) = closed(&table((0..4096).map(header)));
    assert!(unordered.is_partial);
    assert!(unordered.pairs.len() <= LIMIT);
}

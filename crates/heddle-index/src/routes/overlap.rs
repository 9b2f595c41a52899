//! Whether two matches may match one request, and what they have in common.

use heddle_model::header;
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};
use std::collections::BTreeMap;

/// Returns whether some request may match both. Says yes where it is not known.
pub(crate) fn overlap(a: &HttpMatch, b: &HttpMatch) -> bool {
    let HttpMatch { path, method, headers, query: _ } = a;
    let methods = method.as_ref().zip(b.method.as_ref()).is_none_or(|(a, b)| a == b);
    let paths = path.as_ref().zip(b.path.as_ref()).is_none_or(|(a, b)| same_path(a, b));
    methods && paths && headers.iter().all(|one| b.headers.iter().all(|other| may_both_hold(one, other)))
}

fn same_path(a: &PathMatch, b: &PathMatch) -> bool {
    match (a, b) {
        (PathMatch::Regex(_), _) | (_, PathMatch::Regex(_)) => true,
        (PathMatch::Exact(a), PathMatch::Exact(b)) => a == b,
        (PathMatch::Exact(path), PathMatch::Prefix(prefix))
        | (PathMatch::Prefix(prefix), PathMatch::Exact(path)) => is_within_prefix(path, prefix),
        (PathMatch::Prefix(a), PathMatch::Prefix(b)) => is_within_prefix(a, b) || is_within_prefix(b, a),
    }
}

/// Returns whether a path has a prefix, by whole elements.
fn is_within_prefix(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Of several values of a header each is compared by itself, so only a header of one value holds to one.
fn may_both_hold(a: &KeyMatch, b: &KeyMatch) -> bool {
    match (&a.value, &b.value) {
        (ValueMatch::Exact(one), ValueMatch::Exact(other)) => {
            a.name != b.name || !header::is_joined(&a.name) || one == other
        }
        _ => true,
    }
}

/// Returns the requests that both match; `None` where there are none. Neither has a query or a regular expression, and
/// neither does the answer.
pub(crate) fn meet(a: &HttpMatch, b: &HttpMatch) -> Option<HttpMatch> {
    if !overlap(a, b) {
        return None;
    }
    let path = match (&a.path, &b.path) {
        (Some(one), Some(other)) if path_is_within(one, other) => Some(one),
        (Some(_), Some(other)) => Some(other),
        (one, other) => one.as_ref().or(other.as_ref()),
    };
    let mut headers: BTreeMap<_, &ValueMatch> = BTreeMap::new();
    for KeyMatch { name, value } in a.headers.iter().chain(&b.headers) {
        match headers.get(name) {
            Some(known) if value_is_within(known, value) => {}
            Some(known) if !value_is_within(value, known) => return None,
            Some(_) | None => drop(headers.insert(name, value)),
        }
    }
    let key = |(name, value): (&heddle_model::Name, &ValueMatch)| KeyMatch {
        name: name.clone(),
        value: value.clone(),
    };
    Some(HttpMatch {
        path: path.cloned(),
        method: a.method.as_ref().or(b.method.as_ref()).cloned(),
        headers: headers.into_iter().map(key).collect(),
        query: Vec::new(),
    })
}

/// Returns whether every request of `inner` is one of `outer`. Says no where it is not known.
pub(crate) fn is_within(inner: &HttpMatch, outer: &HttpMatch) -> bool {
    let HttpMatch { path, method, headers, query } = outer;
    let has = |wanted: &KeyMatch| {
        let mut same = inner.headers.iter().filter(|header| header.name == wanted.name);
        same.any(|header| value_is_within(&header.value, &wanted.value))
    };
    let path = match (&inner.path, path) {
        (_, None) => true,
        (None, Some(outer)) => is_root(outer),
        (Some(inner), Some(outer)) => path_is_within(inner, outer),
    };
    path && (method.is_none() || inner.method == *method) && headers.iter().all(has) && query.is_empty()
}

fn is_root(path: &PathMatch) -> bool {
    matches!(path, PathMatch::Prefix(prefix) if prefix.is_empty())
}

fn path_is_within(inner: &PathMatch, outer: &PathMatch) -> bool {
    match (inner, outer) {
        (PathMatch::Exact(path) | PathMatch::Prefix(path), PathMatch::Prefix(prefix)) => {
            is_within_prefix(path, prefix)
        }
        (PathMatch::Exact(one), PathMatch::Exact(other)) => one == other,
        (PathMatch::Regex(one), PathMatch::Regex(other)) => one == other,
        (PathMatch::Regex(_), PathMatch::Prefix(_)) => is_root(outer),
        (PathMatch::Prefix(_) | PathMatch::Regex(_), PathMatch::Exact(_))
        | (PathMatch::Exact(_) | PathMatch::Prefix(_), PathMatch::Regex(_)) => false,
    }
}

fn value_is_within(inner: &ValueMatch, outer: &ValueMatch) -> bool {
    match (inner, outer) {
        (_, ValueMatch::Present) => true,
        (ValueMatch::Exact(one), ValueMatch::Exact(other)) => one == other,
        (ValueMatch::Exact(value) | ValueMatch::Prefix(value), ValueMatch::Prefix(prefix)) => {
            value.starts_with(prefix.as_str())
        }
        (ValueMatch::Regex(one), ValueMatch::Regex(other)) => one == other,
        (ValueMatch::Prefix(_) | ValueMatch::Present | ValueMatch::Regex(_), ValueMatch::Exact(_))
        | (ValueMatch::Present | ValueMatch::Regex(_), ValueMatch::Prefix(_))
        | (ValueMatch::Exact(_) | ValueMatch::Prefix(_) | ValueMatch::Present, ValueMatch::Regex(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> HttpMatch {
        let (method, path) = path.split_once(' ').unwrap_or(("", path));
        let path = match path.strip_suffix("/**") {
            Some(prefix) => PathMatch::Prefix(prefix.into()),
            None => PathMatch::Exact(path.into()),
        };
        let method = (!method.is_empty()).then(|| method.into());
        HttpMatch { path: Some(path), method, ..HttpMatch::default() }
    }

    #[test]
    fn matches_overlap_where_one_request_may_match_both() {
        for (a, b, want) in [
            ("/a", "/a", true),
            ("/a", "/b", false),
            ("/a/**", "/a/b", true),
            ("/a/**", "/ab", false),
            ("/**", "/a/**", true),
            ("/a/**", "/b/**", false),
            ("GET /a", "POST /a", false),
            ("GET /a", "/a", true),
        ] {
            assert_eq!(overlap(&text(a), &text(b)), want, "{a} {b}");
            assert_eq!(overlap(&text(b), &text(a)), want, "{b} {a}");
        }
        let header = |name: &str, value: &str| HttpMatch {
            headers: vec![KeyMatch { name: name.into(), value: ValueMatch::Exact(value.into()) }],
            ..HttpMatch::default()
        };
        assert!(!overlap(&header("host", "1"), &header("host", "2")));
        assert!(overlap(&header("x", "1"), &header("x", "2")) && overlap(&header("x", "1"), &text("/a")));
    }

    #[test]
    fn what_two_matches_have_in_common_is_within_both() {
        for (a, b, want) in [
            ("/a/**", "/a/b", Some("/a/b")),
            ("/**", "GET /a/**", Some("GET /a/**")),
            ("GET /**", "/a/**", Some("GET /a/**")),
            ("/a", "/b", None),
            ("GET /a", "POST /a", None),
        ] {
            let (a, b, want) = (text(a), text(b), want.map(text));
            assert_eq!(meet(&a, &b), want);
            assert_eq!(meet(&b, &a), want);
            if let Some(both) = want {
                assert!(is_within(&both, &a) && is_within(&both, &b));
            }
        }
        let header = |value: ValueMatch| HttpMatch {
            headers: vec![KeyMatch { name: "x".into(), value }],
            ..HttpMatch::default()
        };
        let exact = header(ValueMatch::Exact("ab".into()));
        let prefix = |text: &str| header(ValueMatch::Prefix(text.into()));
        assert_eq!(meet(&exact, &prefix("a")), Some(exact.clone()));
        assert_eq!(meet(&prefix("b"), &exact), None);
        assert_eq!(meet(&prefix("b"), &prefix("a")), None);
        assert_eq!(meet(&header(ValueMatch::Present), &prefix("a")), Some(prefix("a")));
    }
}

//! Whether two matches may match one request.

use heddle_model::header;
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};

/// Whether some request may match both. Says yes where it is not known.
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
        | (PathMatch::Prefix(prefix), PathMatch::Exact(path)) => is_within(path, prefix),
        (PathMatch::Prefix(a), PathMatch::Prefix(b)) => is_within(a, b) || is_within(b, a),
    }
}

/// Whether a path has a prefix, by whole elements.
fn is_within(path: &str, prefix: &str) -> bool {
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
}

//! Matching of HTTP requests with routes and policies.

use crate::request::{HttpCall, Lines};
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch};
use heddle_model::matching::Expressions;

/// Every part that is set holds (Gateway API `HTTPRouteMatch`).
pub(crate) fn matches(matcher: &HttpMatch, call: &HttpCall, lines: Lines) -> bool {
    let HttpMatch { path, method, headers, query } = matcher;
    path.as_ref().is_none_or(|want| want.matches(call.bare_path(), &Compiled))
        && method.as_ref().is_none_or(|want| want.as_str() == call.method)
        && headers.iter().all(|want| header_matches(want, call, lines))
        && query
            .iter()
            .all(|want| call.query(&want.name).is_some_and(|got| want.value.matches(got, &Compiled)))
}

/// Every part that is set holds, of a match whose path is canonical and a request whose path a proxy has resolved.
pub(crate) fn matches_resolved(matcher: &HttpMatch, call: &HttpCall) -> bool {
    let HttpMatch { path, method, headers, query } = matcher;
    let rest =
        HttpMatch { path: None, method: method.clone(), headers: headers.clone(), query: query.clone() };
    path.as_ref().is_none_or(|want| resolved_path_matches(want, call.bare_path()))
        && matches(&rest, call, Lines::Joined)
}

/// Returns whether a resolved path is one of the spellings of a canonical one.
pub(crate) fn resolved_path_matches(want: &PathMatch, path: &str) -> bool {
    want.spellings().iter().any(|want| want.matches(path, &Compiled))
}

/// Returns whether a value of a header is as wanted.
pub(crate) fn header_matches(want: &KeyMatch, call: &HttpCall, lines: Lines) -> bool {
    call.values(&want.name, lines).iter().any(|got| want.value.matches(got, &Compiled))
}

/// Compiles an expression each time that it is asked. Lowering refuses those that RE2 would not take.
struct Compiled;

impl Expressions for Compiled {
    fn matches(&self, expression: &str, text: &str) -> bool {
        regex::Regex::new(&format!(r"\A(?:{expression})\z")).is_ok_and(|regex| regex.is_match(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Version;
    use heddle_model::http::ValueMatch;

    fn call(path: &str) -> HttpCall {
        let mut call = HttpCall::new("GET", "cart:8080", path);
        call.headers = vec![("x-a".into(), "1".into()), ("x-a".into(), "2".into())];
        call
    }

    #[track_caller]
    fn path(want: PathMatch, path: &str, holds: bool) {
        let matcher = HttpMatch { path: Some(want), ..HttpMatch::default() };
        assert_eq!(matches(&matcher, &call(path), Lines::Joined), holds, "{matcher:?} on {path:?}");
    }

    #[test]
    fn a_prefix_is_whole_elements() {
        for (text, holds) in
            [("/v2", true), ("/v2/", true), ("/v2/x?y", true), ("/v2x", false), ("/V2", false)]
        {
            path(PathMatch::Prefix("/v2".into()), text, holds);
        }
        path(PathMatch::Prefix("".into()), "/anything", true);
    }

    #[test]
    fn an_exact_path_minds_case_and_slash_and_not_the_query() {
        for (text, holds) in [("/a", true), ("/a?b=c", true), ("/a/", false), ("/A", false)] {
            path(PathMatch::Exact("/a".into()), text, holds);
        }
    }

    #[test]
    fn a_regular_expression_is_about_the_whole_path() {
        for (text, holds) in [("/a1", true), ("/a12", true), ("/a12/x", false), ("x/a1", false)] {
            path(PathMatch::Regex("/a[0-9]+|/z".into()), text, holds);
        }
        path(PathMatch::Regex("(".into()), "(", false);
    }

    #[track_caller]
    fn header(name: &str, value: ValueMatch, holds: bool) {
        let matcher = HttpMatch {
            headers: vec![KeyMatch { name: name.into(), value: value.clone() }],
            ..HttpMatch::default()
        };
        assert_eq!(matches(&matcher, &call("/"), Lines::Joined), holds, "{name} {value:?}");
    }

    #[test]
    fn each_value_of_a_header_is_compared_by_itself() {
        for (value, holds) in [("1", true), ("2", true), ("1,2", false), ("3", false)] {
            header("x-a", ValueMatch::Exact(value.into()), holds);
            header("x-a", ValueMatch::Prefix(value.into()), holds);
            header("x-a", ValueMatch::Regex(value.into()), holds);
        }
        header("x-a", ValueMatch::Regex("[0-9,]+".into()), true);
        header("x-a", ValueMatch::Present, true);
        header("x-b", ValueMatch::Present, false);
        header("host", ValueMatch::Exact("cart:8080".into()), true);
    }

    #[track_caller]
    fn lines(version: Version, name: &str, value: &str, holds: bool) {
        let mut call = HttpCall { version, ..HttpCall::new("GET", "cart", "/") };
        call.headers = vec![(name.into(), "a=1".into()), (name.into(), "b=2".into())];
        let want = KeyMatch { name: name.into(), value: ValueMatch::Exact(value.into()) };
        assert_eq!(header_matches(&want, &call, Lines::Joined), holds, "{version:?} {name} {value}");
    }

    #[test]
    fn lines_that_an_envoy_joins_are_one_value() {
        for (version, name, value) in [
            (Version::Http1, "accept", "a=1,b=2"),
            (Version::Http2, "accept", "a=1,b=2"),
            (Version::Http2, "cookie", "a=1; b=2"),
        ] {
            lines(version, name, value, true);
            lines(version, name, "a=1", false);
        }
        for value in ["a=1", "b=2"] {
            lines(Version::Http1, "cookie", value, true);
        }
        lines(Version::Http1, "cookie", "a=1; b=2", false);
    }

    #[track_caller]
    fn query(path: &str, value: ValueMatch, holds: bool) {
        let matcher = HttpMatch { query: vec![KeyMatch { name: "q".into(), value }], ..HttpMatch::default() };
        assert_eq!(matches(&matcher, &call(path), Lines::Joined), holds, "{path}");
    }

    #[test]
    fn the_first_query_parameter_of_a_name_counts() {
        query("/?q=1&q=2", ValueMatch::Exact("1".into()), true);
        query("/?q=1&q=2", ValueMatch::Exact("2".into()), false);
        query("/?Q=1", ValueMatch::Present, false);
        query("/?q", ValueMatch::Exact("".into()), true);
        query("/", ValueMatch::Present, false);
    }
}

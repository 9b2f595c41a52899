//! The part of a match that a server can tell.

use heddle_model::http::{HttpMatch, PathMatch, ValueMatch};

/// Returns the part of a match that a server's rules can tell, its path canonical, and what they cannot tell of it.
pub(crate) fn tellable(matcher: &HttpMatch) -> (HttpMatch, Option<&'static str>) {
    let HttpMatch { path, method, headers, query } = matcher;
    let is_regex = |path: &PathMatch| matches!(path, PathMatch::Regex(_));
    let canonical = path.as_ref().filter(|path| !is_regex(path)).map(PathMatch::canonical);
    let tellable: Vec<_> =
        headers.iter().filter(|header| !matches!(header.value, ValueMatch::Regex(_))).cloned().collect();
    let untold = if !query.is_empty() || tellable != *headers || path.as_ref().is_some_and(is_regex) {
        Some("a query or a regular expression")
    } else if matches!(canonical, Some(Err(_))) {
        Some("a path that proxies do not compare in all of its spellings")
    } else {
        None
    };
    let path = canonical.and_then(Result::ok);
    (HttpMatch { path, method: method.clone(), headers: tellable, query: Vec::new() }, untold)
}

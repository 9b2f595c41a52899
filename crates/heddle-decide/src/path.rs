//! Paths as a proxy takes them from a request.

use crate::request::{HttpCall, Version};
use heddle_model::path;

/// The request with its path as a server's proxy compares it where policies are about paths; `None` where it answers
/// 400. A policy on `/admin` is not passed by `//admin`, `/x/../admin` or `/%2Fadmin`.
pub(crate) fn resolved(call: &HttpCall) -> Option<HttpCall> {
    // A fragment is no part of a request; an Envoy refuses it before.
    let whole = call.path.split('#').next().unwrap_or_default();
    let (path, query) = whole.split_once('?').map_or((whole, None), |(path, query)| (path, Some(query)));
    let path = path::resolve(path)?;
    let path = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    Some(HttpCall { path, ..call.clone() })
}

/// Returns the status that an Envoy answers to a request whatever its configuration, and why, if it does.
pub(crate) fn fault(call: &HttpCall) -> Option<(u16, &'static str)> {
    let path = &call.path;
    if call.is_tunnel() {
        return None;
    }
    if call.method == "OPTIONS" && path == "*" {
        return Some((404, "no route of an Envoy matches *"));
    }
    bad_path(path, call.version).map(|why| (400, why))
}

fn bad_path(path: &str, version: Version) -> Option<&'static str> {
    if !path.starts_with('/') {
        return Some("the path does not begin with /");
    }
    if path.contains('#') {
        return Some("the path has a fragment");
    }
    if path.contains(|c: char| c.is_ascii_whitespace() || c.is_ascii_control()) {
        return Some("the path has a space or control character");
    }
    (version == Version::Http1 && !path.is_ascii()).then_some("the path has characters that are not ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, want: Option<&str>) {
        let got = resolved(&HttpCall::new("GET", "a", path)).map(|call| call.path);
        assert_eq!(got.as_deref(), want, "{path}");
    }

    #[test]
    fn the_query_stays_as_it_is() {
        check("//admin/../x?y=//z/../%61", Some("/x?y=//z/../%61"));
        check("/a%00?x", None);
        check("/a?%00", Some("/a?%00"));
    }

    /// The rows that a proxy answers 400 whatever policies say, and no others.
    #[test]
    fn faults_are_those_of_the_table() {
        let rows = include_str!("../../../tests/paths.tsv").lines().filter(|line| !line.starts_with("# "));
        for (sent, want) in rows.map(|line| line.split_once('\t').expect("two columns")) {
            assert_eq!(fault(&HttpCall::new("GET", "a", sent)).is_some(), want == "-", "{sent}");
        }
    }
}

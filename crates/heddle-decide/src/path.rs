//! What a server's proxy makes of a path before a policy looks at it.

use crate::request::HttpCall;

/// The request with its path resolved, so that a policy on `/admin` is not passed by `//admin`, `/x/../admin`
/// or `/%2Fadmin`.
///
/// In this order, as Envoy does it: escaped slashes are unescaped, backslashes become slashes, unreserved
/// characters are unescaped (RFC 3986, 6.2.2.2), dot segments removed (5.2.4), and slashes merged.
pub(crate) fn resolved(call: &HttpCall) -> HttpCall {
    let whole = call.path.split('#').next().unwrap_or_default();
    let (path, query) = whole.split_once('?').map_or((whole, None), |(path, query)| (path, Some(query)));
    let mut path = merge_slashes(&remove_dots(&unescape(path).replace('\\', "/")));
    if let Some(query) = query {
        path = format!("{path}?{query}");
    }
    HttpCall { path, ..call.clone() }
}

fn unescape(path: &str) -> String {
    let mut text = String::new();
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let escape = rest.get(at + 1..at + 3);
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(char::from) {
            Some(plain) if plain.is_ascii_alphanumeric() || "/\\-._~".contains(plain) => {
                text.push(plain);
                rest = &rest[at + 3..];
            }
            Some(_) | None => {
                text.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    text + rest
}

fn remove_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            other => {
                kept.push(other);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

fn merge_slashes(path: &str) -> String {
    let mut text = String::new();
    for character in path.chars() {
        if character != '/' || !text.ends_with('/') {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, want: &str) {
        assert_eq!(resolved(&HttpCall::new("GET", "a", path)).path, want);
    }

    #[test]
    fn other_spellings_of_a_path_are_one() {
        for spelling in [
            "/admin",
            "//admin",
            "/x/../admin",
            "/%2Fadmin",
            "/./admin",
            "/%61dmin",
            "/\\admin",
            "/x/%2e%2e/admin",
        ] {
            check(spelling, "/admin");
        }
    }

    #[test]
    fn what_has_a_meaning_of_its_own_stays() {
        check("/a%20b", "/a%20b");
        check("/a?x=//y/../z", "/a?x=//y/../z");
        check("/a/", "/a/");
        check("/a/..", "/");
        check("/..", "/");
        check("/a%", "/a%");
        check("/a%zz", "/a%zz");
        check("/", "/");
    }
}

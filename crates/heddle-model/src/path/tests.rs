use super::*;

/// Paths as sent and as Envoy resolves them: the same table is played on a real one (`heddle-xds/tests/envoy`).
const TABLE: &str = include_str!("../../../../tests/paths.tsv");

#[test]
fn a_path_is_resolved_as_the_table_says() {
    let rows = TABLE.lines().filter(|line| !line.starts_with("# "));
    for (sent, want) in
        rows.map(|line| line.split_once('\t').expect("two columns")).filter(|row| row.1 != "-")
    {
        let want = (want != "400").then(|| want.to_string());
        assert_eq!(resolve(sent), want, "{sent}");
    }
}

#[test]
fn what_is_resolved_stays_so() {
    for sent in TABLE.lines().filter_map(|line| line.split_once('\t')).map(|(sent, _)| sent) {
        let Some(once) = resolve(sent).filter(|_| sent.starts_with('/')) else { continue };
        if let Ok(canonical) = canonical(sent) {
            assert_eq!(super::canonical(&canonical), Ok(canonical.clone()), "{sent}");
            let mut same = spellings(&canonical).into_iter();
            assert!(has_lower_escape(&once) || same.any(|spelling| spelling == once), "{sent}: {once}");
        }
    }
}

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(canonical(text).map_err(|bad| bad.to_string()), Ok(want.into()), "{text}");
}

#[test]
fn other_spellings_of_a_path_are_one() {
    for spelling in ["/admin", "//admin", "/x/../admin", "/%2Fadmin", "/./admin", "/%61dmin", "/\\admin"] {
        check(spelling, "/admin");
    }
    for spelling in ["/a{b}", "/a%7Bb%7D", "/a%7bb%7D", "/%61{b%7d"] {
        check(spelling, "/a%7Bb%7D");
    }
    for spelling in ["/café", "/caf%C3%A9", "/caf%c3%a9"] {
        check(spelling, "/caf%C3%A9");
    }
    for spelling in ["/v1/users:purge", "/v1/users%3Apurge", "/v1/users%3apurge"] {
        check(spelling, "/v1/users:purge");
    }
    check("/a|b^", "/a%7Cb%5E");
    check("/sp%20ace", "/sp%20ace");
    check("/a%252F%25", "/a%252F%25");
    check("//", "/");
    check("/a//", "/a/");
    check("/..", "/");
}

#[test]
fn what_no_proxy_compares_is_refused_with_what_to_write() {
    for (text, want) in [
        ("", "a path begins with /"),
        ("a", "a path begins with /"),
        ("/a?b", "'?' begins a query or fragment, which is no part of a path; write %3F for the character"),
        ("/a#b", "'#' begins a query or fragment, which is no part of a path; write %23 for the character"),
        ("/a b", "a path has no spaces and control characters; write %20 for ' '"),
        ("/a\u{1}", "a path has no spaces and control characters; write %01 for '\\u{1}'"),
        ("/a%", "% begins an escape of two hexadecimal digits; write %25 for the character"),
        ("/a%2", "% begins an escape of two hexadecimal digits; write %25 for the character"),
        ("/a%zz", "% begins an escape of two hexadecimal digits; write %25 for the character"),
        (
            "/%2e%2e;a/b",
            "a segment of dots with parameters (..;a) is resolved only as long as nothing of it is escaped",
        ),
        ("/a%00", "no proxy lets a path with %00 through"),
        (
            "/a;b=1;c=2:x",
            "it has 5 of the characters !$&'()*+,;=:@[], which a client may also send as escapes, at most 4 are \
             compared; use type PathPrefix with the elements before",
        ),
    ] {
        assert_eq!(canonical(text).map_err(|bad| bad.to_string()), Err(want.into()), "{text}");
    }
}

#[test]
fn each_reserved_character_has_two_spellings() {
    assert_eq!(spellings("/admin"), ["/admin"]);
    assert_eq!(spellings("/"), ["/", "//"]);
    assert_eq!(spellings("/a%7Bb"), ["/a%7Bb"]);
    assert_eq!(spellings("/a:b@"), ["/a:b@", "/a%3Ab@", "/a:b%40", "/a%3Ab%40"]);
}

#[test]
fn case_matters_in_escapes_with_letters_only() {
    for (path, want) in
        [("/admin", false), ("/a%20b", false), ("/a!b", false), ("/a:b", true), ("/%C3%A9", true)]
    {
        assert_eq!(minds_case(path), want, "{path}");
    }
    for (path, want) in [("/a%3A", false), ("/a%3a", true), ("/%aB", true), ("/a%2", false), ("/a%20", false)]
    {
        assert_eq!(has_lower_escape(path), want, "{path}");
    }
}

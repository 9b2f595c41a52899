//! Regular expressions that users write, which must be such that RE2 loads them too.

mod foreign;
mod size;

use regex_syntax::ast::parse::ParserBuilder;

/// The longest expression that is taken, in bytes.
const LONGEST: usize = 1024;

/// The largest program that is taken, in RE2's instructions: Envoy's default for
/// `re2.max_program_size.error_level`.
const LARGEST: u32 = 100;

/// Refuses an expression that RE2 might not load or might understand otherwise: a proxy that cannot load one
/// expression refuses a whole table of routes.
///
/// # Errors
/// Says what is wrong, without the expression.
pub(crate) fn check(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > LONGEST {
        return Err(format!("it has {} bytes, want 1 to {LONGEST}", text.len()));
    }
    if text.contains("{,") {
        return Err("a repetition needs a least number".into());
    }
    let ast = ParserBuilder::new().nest_limit(50).build().parse(text);
    let ast = ast.map_err(|error| error.kind().to_string())?;
    foreign::check(&ast)?;
    match size::of(&ast) {
        size if size > LARGEST => {
            Err(format!("it makes a program of about {size} steps, at most {LARGEST} are allowed"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proxies_take_is_taken() {
        for text in [
            "a",
            "/v[0-9]+/.*",
            "(?i)abc",
            r"\d{1,3}\.",
            "^/x$",
            "(?P<n>a|b)",
            "[^/]+",
            r"a\/b",
            "[[:alpha:]]",
            "(?:a|b)+?",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_a_proxy_might_refuse_is_refused_here_with_the_reason() {
        for (text, want) in [
            ("", "it has 0 bytes, want 1 to 1024"),
            ("(a", "unclosed group"),
            ("a**", "a repetition cannot be repeated without a group"),
            ("^*", "an assertion cannot be repeated"),
            ("(?=a)", "look-around, including look-ahead and look-behind, is not supported"),
            (r"(a)\1", "backreferences are not supported"),
            ("a{,3}", "a repetition needs a least number"),
            ("a{101}", "it makes a program of about 209 steps, at most 100 are allowed"),
            ("[a&&b]", "operators within a class are not supported"),
            ("[a[b]]", "a class within a class is not supported"),
            (r"\p{Greek}", "Unicode classes are not supported"),
            ("é", "only ASCII characters are supported, since proxies compare bytes"),
            ("(?x) a", "only the flags i and s are supported"),
            ("(?<n>a)", "a named group is written (?P<name>…), its name of letters, digits and _"),
            ("(?P<a.b>a)", "a named group is written (?P<name>…), its name of letters, digits and _"),
            (r"\<a", "only ^, $, \\A, \\z, \\b and \\B are supported as assertions"),
        ] {
            assert_eq!(check(text), Err(want.to_string()), "{text}");
        }
        assert_eq!(check(&"a".repeat(2000)), Err("it has 2000 bytes, want 1 to 1024".into()));
    }
}

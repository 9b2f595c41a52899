//! The meaning of matches: whether a value fulfils one, whether one lies within another, and what two have in common.
//!
//! The one algebra of routes and policies: deciding, the index and the projections use it, so that a prefix or a header
//! means the same to all. Users' regular expressions are asked of [`Expressions`], which the caller brings.

use crate::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};
use crate::{Name, header};
use std::collections::{BTreeMap, BTreeSet};

/// The regular expressions that users wrote (RE2).
pub trait Expressions {
    /// Returns whether an expression matches a whole text. One that does not compile matches nothing.
    fn matches(&self, expression: &str, text: &str) -> bool;
}

/// An answer for matches without expressions: of one it is not known what it matches.
pub struct NoExpressions;

impl Expressions for NoExpressions {
    fn matches(&self, _: &str, _: &str) -> bool {
        false
    }
}

/// The requests that two matches have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meet {
    /// None.
    Nothing,
    /// Those of this match.
    Both(HttpMatch),
    /// No match says which: a regular expression of paths, and another condition on paths.
    Unknown,
}

impl Meet {
    /// Returns the match of what is common; `None` where nothing is, or no match says what.
    pub fn both(self) -> Option<HttpMatch> {
        match self {
            Self::Both(both) => Some(both),
            Self::Nothing | Self::Unknown => None,
        }
    }
}

impl HttpMatch {
    /// Returns what two matches have in common. Keeps every condition of both that the other does not repeat, so that it
    /// never ranks below either of them.
    pub fn meet(&self, other: &Self, expressions: &impl Expressions) -> Meet {
        let Self { path, method, headers, query } = self;
        let method = match (method, &other.method) {
            (Some(one), Some(other)) if one != other => return Meet::Nothing,
            (one, other) => one.as_ref().or(other.as_ref()).cloned(),
        };
        let (Some(headers), Some(query)) =
            (keys(headers, &other.headers, expressions), keys(query, &other.query, expressions))
        else {
            return Meet::Nothing;
        };
        match paths(path.as_ref(), other.path.as_ref(), expressions) {
            Paths::Nothing => Meet::Nothing,
            Paths::Unknown => Meet::Unknown,
            Paths::Both(path) => Meet::Both(Self { path: path.cloned(), method, headers, query }),
        }
    }

    /// Returns whether some request may fulfil both. Says yes where it is not known: of an expression, of a query, and
    /// of a header that may have several values.
    pub fn may_meet(&self, other: &Self) -> bool {
        let Self { path, method, headers, query: _ } = self;
        let methods = method.as_ref().zip(other.method.as_ref()).is_none_or(|(one, other)| one == other);
        let paths = path.as_ref().zip(other.path.as_ref()).is_none_or(|(one, other)| one.may_meet(other));
        methods
            && paths
            && headers.iter().all(|one| other.headers.iter().all(|other| one.may_hold_with(other)))
    }

    /// Returns whether every request that fulfils this match fulfils `outer`. Says no where it is not known.
    pub fn is_within(&self, outer: &Self, expressions: &impl Expressions) -> bool {
        let Self { path, method, headers, query } = outer;
        let path = match (self.path.as_ref(), path.as_ref()) {
            (_, None) => true,
            (None, Some(outer)) => outer.is_root(),
            (Some(inner), Some(outer)) => inner.is_within(outer, expressions),
        };
        path && (method.is_none() || self.method == *method)
            && keys_are_within(&self.headers, headers, expressions)
            && keys_are_within(&self.query, query, expressions)
    }

    /// Every condition once, in order.
    pub fn normal(&self) -> Self {
        let Self { path, method, headers, query } = self;
        let path = path.clone().filter(|path| !path.is_root());
        let sorted = |keys: &[KeyMatch]| keys.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        Self { path, method: method.clone(), headers: sorted(headers), query: sorted(query) }
    }
}

impl PathMatch {
    /// Returns whether every path fulfils it.
    pub fn is_root(&self) -> bool {
        matches!(self, Self::Prefix(prefix) if prefix.is_empty())
    }

    /// Returns whether a path, without its query, fulfils it.
    pub fn matches(&self, path: &str, expressions: &impl Expressions) -> bool {
        match self {
            Self::Exact(exact) => path == exact.as_str(),
            Self::Prefix(prefix) => has_prefix(path, prefix),
            Self::Regex(expression) => expressions.matches(expression, path),
        }
    }

    /// Returns whether every path that fulfils it fulfils `outer`. Says no where it is not known.
    pub fn is_within(&self, outer: &Self, expressions: &impl Expressions) -> bool {
        match (self, outer) {
            (_, outer) if outer.is_root() => true,
            (Self::Exact(path), _) => outer.matches(path, expressions),
            (Self::Prefix(path), Self::Prefix(prefix)) => has_prefix(path, prefix),
            (Self::Regex(inner), Self::Regex(outer)) => inner == outer,
            (Self::Regex(_), Self::Prefix(_) | Self::Exact(_))
            | (Self::Prefix(_), Self::Exact(_) | Self::Regex(_)) => false,
        }
    }

    fn may_meet(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Regex(_), _) | (_, Self::Regex(_)) => true,
            (Self::Exact(_) | Self::Prefix(_), Self::Exact(_) | Self::Prefix(_)) => {
                self.is_within(other, &NoExpressions) || other.is_within(self, &NoExpressions)
            }
        }
    }
}

impl KeyMatch {
    /// Of several values of a header each is compared by itself, so only a header of one value holds to one.
    fn may_hold_with(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (ValueMatch::Exact(one), ValueMatch::Exact(two)) => {
                self.name != other.name || !header::is_joined(&self.name) || one == two
            }
            (
                ValueMatch::Exact(_) | ValueMatch::Prefix(_) | ValueMatch::Regex(_) | ValueMatch::Present,
                _,
            ) => true,
        }
    }
}

impl ValueMatch {
    /// Returns whether a value fulfils it.
    pub fn matches(&self, value: &str, expressions: &impl Expressions) -> bool {
        match self {
            Self::Exact(exact) => value == exact.as_str(),
            Self::Prefix(prefix) => value.starts_with(prefix.as_str()),
            Self::Regex(expression) => expressions.matches(expression, value),
            Self::Present => true,
        }
    }

    /// Returns whether every value that fulfils it fulfils `outer`. Says no where it is not known.
    pub fn is_within(&self, outer: &Self, expressions: &impl Expressions) -> bool {
        match (self, outer) {
            (_, Self::Present) => true,
            (Self::Exact(value), _) => outer.matches(value, expressions),
            (Self::Prefix(value), Self::Prefix(prefix)) => value.starts_with(prefix.as_str()),
            (Self::Regex(inner), Self::Regex(outer)) => inner == outer,
            (Self::Prefix(_), Self::Exact(_) | Self::Regex(_))
            | (Self::Regex(_), Self::Exact(_) | Self::Prefix(_))
            | (Self::Present, Self::Exact(_) | Self::Prefix(_) | Self::Regex(_)) => false,
        }
    }
}

/// Returns the narrowest of conditions on one value, and every expression among them; `None` where they exclude each
/// other.
pub fn narrowed<'a>(
    values: &BTreeSet<&'a ValueMatch>,
    expressions: &impl Expressions,
) -> Option<Vec<&'a ValueMatch>> {
    let mut narrowest: Option<&ValueMatch> = None;
    let mut regexes = Vec::new();
    for value in values.iter().copied() {
        match (value, narrowest) {
            (ValueMatch::Regex(_), _) => regexes.push(value),
            (_, None) => narrowest = Some(value),
            (_, Some(other)) if value.is_within(other, expressions) => narrowest = Some(value),
            (_, Some(other)) if other.is_within(value, expressions) => {}
            (_, Some(_)) => return None,
        }
    }
    let excluded = |regex: &&ValueMatch| {
        matches!(narrowest, Some(ValueMatch::Exact(_)))
            && narrowest.is_some_and(|value| !value.is_within(regex, expressions))
    };
    if regexes.iter().any(excluded) {
        return None;
    }
    Some(narrowest.into_iter().chain(regexes).collect())
}

/// Returns whether a path has a prefix, by whole elements (Gateway API `PathPrefix`). The prefix has no slash at its end.
fn has_prefix(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

enum Paths<'a> {
    Nothing,
    Both(Option<&'a PathMatch>),
    Unknown,
}

fn paths<'a>(
    one: Option<&'a PathMatch>,
    other: Option<&'a PathMatch>,
    expressions: &impl Expressions,
) -> Paths<'a> {
    let (one, other) = match (one, other) {
        (Some(one), Some(other)) => (one, other),
        (one, other) => return Paths::Both(one.or(other)),
    };
    if one.is_within(other, expressions) {
        return Paths::Both(Some(one));
    }
    if other.is_within(one, expressions) {
        return Paths::Both(Some(other));
    }
    match (one, other) {
        (PathMatch::Regex(_), PathMatch::Regex(_) | PathMatch::Prefix(_))
        | (PathMatch::Prefix(_), PathMatch::Regex(_)) => Paths::Unknown,
        (PathMatch::Exact(_), _) | (_, PathMatch::Exact(_)) => Paths::Nothing,
        (PathMatch::Prefix(_), PathMatch::Prefix(_)) => Paths::Nothing,
    }
}

/// All conditions of both; `None` where no value fulfils those of a name.
fn keys(one: &[KeyMatch], other: &[KeyMatch], expressions: &impl Expressions) -> Option<Vec<KeyMatch>> {
    let mut by_name: BTreeMap<&Name, BTreeSet<&ValueMatch>> = BTreeMap::new();
    for KeyMatch { name, value } in one.iter().chain(other) {
        by_name.entry(name).or_default().insert(value);
    }
    let mut all = Vec::new();
    for (name, values) in by_name {
        for value in narrowed(&values, expressions)? {
            all.push(KeyMatch { name: name.clone(), value: value.clone() });
        }
    }
    Some(all)
}

fn keys_are_within(inner: &[KeyMatch], outer: &[KeyMatch], expressions: &impl Expressions) -> bool {
    outer.iter().all(|outer| {
        let mut same = inner.iter().filter(|inner| inner.name == outer.name);
        same.any(|inner| inner.value.is_within(&outer.value, expressions))
    })
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
            assert_eq!(text(a).may_meet(&text(b)), want, "{a} {b}");
            assert_eq!(text(b).may_meet(&text(a)), want, "{b} {a}");
        }
        let header = |name: &str, value: &str| HttpMatch {
            headers: vec![KeyMatch { name: name.into(), value: ValueMatch::Exact(value.into()) }],
            ..HttpMatch::default()
        };
        assert!(!header("host", "1").may_meet(&header("host", "2")));
        assert!(header("x", "1").may_meet(&header("x", "2")) && header("x", "1").may_meet(&text("/a")));
    }

    fn meet(one: &HttpMatch, other: &HttpMatch) -> Option<HttpMatch> {
        one.meet(other, &NoExpressions).both()
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
                assert!(both.is_within(&a, &NoExpressions) && both.is_within(&b, &NoExpressions));
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

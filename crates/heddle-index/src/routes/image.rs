//! The requests of a match as a server sees them, after the filters of a route and its backend.

use heddle_model::Name;
use heddle_model::http::{Filters, HeaderChange, HttpMatch, KeyMatch, PathChange, PathMatch, ValueMatch};
use heddle_model::matching::NoExpressions;
use heddle_model::path;
use std::collections::{BTreeMap, BTreeSet};

/// The name under which policies hold conditions on the authority.
const HOST: &str = "host";

/// The requests of a match as a server sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Image {
    /// They look as they were sent, as far as any policy can tell.
    Same,
    /// They look like these.
    Seen(HttpMatch),
    /// They are among these, and a server cannot tell which: a header or path by which they were known is gone.
    Blurred(HttpMatch),
}

/// Returns whether filters change what policies tell requests by: a header that some ask for, the host, or the path.
pub(crate) fn touches(filters: &[&Filters], minded: &BTreeSet<Name>) -> bool {
    filters.iter().any(|Filters { request: HeaderChange { set, add, remove }, response: _, host, path }| {
        let names = set.iter().chain(add).map(|(name, _)| name).chain(remove);
        let headers = names.map(canonical).chain(host.iter().map(|_| HOST.into()));
        path.is_some() || headers.into_iter().any(|name| minded.contains(&name))
    })
}

/// Returns what a server sees of the requests of `matcher` after `filters`, in order. `minded` are the headers by which
/// policies tell requests.
pub(crate) fn image(matcher: &HttpMatch, filters: &[&Filters], minded: &BTreeSet<Name>) -> Image {
    let conditions = |headers: &[KeyMatch]| -> BTreeMap<Name, ValueMatch> {
        headers.iter().map(|header| (canonical(&header.name), header.value.clone())).collect()
    };
    let mut seen = Headers { conditions: conditions(&matcher.headers), gone: BTreeSet::new() };
    let mut on = Ok(matcher.path.clone());
    for Filters { request: HeaderChange { set, add, remove }, response: _, host, path } in filters {
        remove.iter().for_each(|name| seen.remove(&canonical(name)));
        set.iter().for_each(|(name, value)| seen.set(&canonical(name), value, minded));
        add.iter().for_each(|(name, value)| seen.add(&canonical(name), value, minded));
        host.iter().for_each(|host| seen.set(&HOST.into(), host, minded));
        if let Some(change) = path {
            on = on.and_then(|path| rewritten(path.as_ref(), change).map(Some));
        }
    }
    if seen.gone.is_empty()
        && seen.conditions == conditions(&matcher.headers)
        && on == Ok(matcher.path.clone())
    {
        return Image::Same;
    }
    let blurred = !seen.gone.is_empty() || on.is_err();
    let headers = seen.conditions.into_iter().map(|(name, value)| KeyMatch { name, value });
    let looks = HttpMatch { path: on.unwrap_or(None), headers: headers.collect(), ..matcher.clone() };
    if blurred { Image::Blurred(looks) } else { Image::Seen(looks) }
}

/// The paths of a canonical match after a change.
///
/// # Errors
/// They cannot be told from others.
fn rewritten(path: Option<&PathMatch>, change: &PathChange) -> Result<PathMatch, Untold> {
    let canonical = |text: &str| path::canonical(text).map_err(|_| Untold);
    match change {
        PathChange::Full(whole) => Ok(PathMatch::Exact(canonical(whole)?)),
        PathChange::Prefix { of, with } => {
            // The text of a match is compared with what is replaced: both in the form in which policies hold it.
            let held = |text: &Name| if text.is_empty() { Ok(text.clone()) } else { canonical(text) };
            let change = PathChange::Prefix { of: held(of)?, with: held(with)? };
            let is_within = |at: &str| PathMatch::Prefix(of.clone()).matches(at, &NoExpressions);
            match path {
                Some(PathMatch::Exact(at)) if is_within(at) => {
                    Ok(PathMatch::Exact(change.of(at).as_str().into()))
                }
                Some(PathMatch::Prefix(at)) if is_within(at) => {
                    let at = change.of(at);
                    Ok(PathMatch::Prefix(at.strip_suffix('/').unwrap_or(&at).into()))
                }
                None if of.is_empty() => Ok(PathMatch::Prefix(held(with)?)),
                Some(PathMatch::Exact(_) | PathMatch::Prefix(_) | PathMatch::Regex(_)) | None => Err(Untold),
            }
        }
    }
}

/// The paths of some requests cannot be told from those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Untold;

/// The conditions that the headers of some requests fulfil.
struct Headers {
    conditions: BTreeMap<Name, ValueMatch>,
    /// Headers that the requests had and have no longer, which no match can ask for.
    gone: BTreeSet<Name>,
}

impl Headers {
    fn remove(&mut self, name: &Name) {
        if self.conditions.remove(name).is_some() {
            self.gone.insert(name.clone());
        }
    }

    fn set(&mut self, name: &Name, value: &Name, minded: &BTreeSet<Name>) {
        let known = self.conditions.contains_key(name) || self.gone.remove(name);
        if known || minded.contains(name) {
            self.conditions.insert(name.clone(), ValueMatch::Exact(value.clone()));
        }
    }

    /// A value that comes beside another makes a list, which policies compare in ways of their own.
    fn add(&mut self, name: &Name, value: &Name, minded: &BTreeSet<Name>) {
        if self.gone.remove(name) {
            self.conditions.insert(name.clone(), ValueMatch::Exact(value.clone()));
        } else if self.conditions.contains_key(name) {
            self.remove(name);
        } else if minded.contains(name) {
            self.conditions.insert(name.clone(), ValueMatch::Present);
        }
    }
}

/// The name under which a header is compared.
pub(crate) fn canonical(name: &Name) -> Name {
    let lower = name.to_ascii_lowercase();
    if lower == ":authority" { HOST.into() } else { lower.as_str().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: &[(&str, &str)]) -> HttpMatch {
        let headers = headers.iter().map(|(name, value)| {
            let value = if *value == "*" { ValueMatch::Present } else { ValueMatch::Exact((*value).into()) };
            KeyMatch { name: (*name).into(), value }
        });
        HttpMatch { headers: headers.collect(), ..HttpMatch::default() }
    }

    fn change(set: &[(&str, &str)], add: &[(&str, &str)], remove: &[&str]) -> HeaderChange {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
        HeaderChange {
            set: pairs(set),
            add: pairs(add),
            remove: remove.iter().map(|name| (*name).into()).collect(),
        }
    }

    #[track_caller]
    fn check(matcher: &[(&str, &str)], changes: &[HeaderChange], want: Image) {
        let filters =
            changes.iter().map(|request| Filters { request: request.clone(), ..Filters::default() });
        let filters: Vec<_> = filters.collect();
        let filters: Vec<_> = filters.iter().collect();
        assert_eq!(image(&with(matcher), &filters, &["x".into()].into()), want);
    }

    #[test]
    fn a_path_that_is_rewritten_is_seen_as_it_becomes() {
        let exact = |path: &str| Some(PathMatch::Exact(path.into()));
        let prefix = |path: &str| Some(PathMatch::Prefix(path.into()));
        let replaced = |of: &str, with: &str| PathChange::Prefix { of: of.into(), with: with.into() };
        for (path, change, want) in [
            (prefix("/a"), replaced("/a", "/b"), Ok(prefix("/b"))),
            (prefix("/a"), replaced("/a", ""), Ok(prefix(""))),
            (prefix("/a/c"), replaced("/a", "/b"), Ok(prefix("/b/c"))),
            (exact("/a"), replaced("/a", ""), Ok(exact("/"))),
            (exact("/a/c/"), replaced("/a", "/b"), Ok(exact("/b/c/"))),
            (None, replaced("", "/b"), Ok(prefix("/b"))),
            (None, PathChange::Full("/b".into()), Ok(exact("/b"))),
            (Some(PathMatch::Regex("/a.*".into())), replaced("/a", "/b"), Err(())),
            (None, replaced("/a", "/b"), Err(())),
        ] {
            let case = format!("{path:?} {change:?}");
            let filters = Filters { path: Some(change), ..Filters::default() };
            let matcher = HttpMatch { path, ..HttpMatch::default() };
            let want = match want {
                Ok(path) => Image::Seen(HttpMatch { path, ..HttpMatch::default() }),
                Err(()) => Image::Blurred(HttpMatch::default()),
            };
            assert_eq!(image(&matcher, &[&filters], &BTreeSet::new()), want, "{case}");
        }
    }

    #[test]
    fn a_host_that_is_rewritten_is_seen_where_a_policy_asks_for_it() {
        let filters = Filters { host: Some("new".into()), ..Filters::default() };
        assert_eq!(
            image(&with(&[]), &[&filters], &["host".into()].into()),
            Image::Seen(with(&[("host", "new")]))
        );
        assert_eq!(image(&with(&[]), &[&filters], &["x".into()].into()), Image::Same);
    }

    #[test]
    fn a_header_that_no_policy_asks_for_changes_nothing() {
        check(&[("x", "1")], &[change(&[("y", "2")], &[("z", "3")], &["w"])], Image::Same);
        check(&[], &[change(&[], &[], &["x"])], Image::Same);
    }

    #[test]
    fn a_header_that_is_set_is_seen() {
        check(&[("x", "1")], &[change(&[("X", "2")], &[], &[])], Image::Seen(with(&[("x", "2")])));
        check(&[], &[change(&[("x", "2")], &[], &[])], Image::Seen(with(&[("x", "2")])));
        check(&[], &[change(&[], &[("x", "2")], &[])], Image::Seen(with(&[("x", "*")])));
        check(
            &[("x", "1")],
            &[change(&[], &[], &["x"]), change(&[], &[("x", "2")], &[])],
            Image::Seen(with(&[("x", "2")])),
        );
    }

    #[test]
    fn a_header_that_is_gone_or_joined_by_another_value_blurs_the_requests() {
        check(&[("x", "1"), ("y", "1")], &[change(&[], &[], &["X"])], Image::Blurred(with(&[("y", "1")])));
        check(&[("x", "1")], &[change(&[], &[("x", "2")], &[])], Image::Blurred(with(&[])));
    }
}

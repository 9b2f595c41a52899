//! The requests of a match as a server sees them, after the filters of a route and its backend.

use heddle_model::Name;
use heddle_model::http::{HeaderChange, HttpMatch, KeyMatch, ValueMatch};
use std::collections::{BTreeMap, BTreeSet};

/// The requests of a match as a server sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Image {
    /// They look as they were sent, as far as any policy can tell.
    Same,
    /// They look like these.
    Seen(HttpMatch),
    /// They are among these, and a server cannot tell which: a header by which they were known is gone.
    Blurred(HttpMatch),
}

/// Returns whether filters change a header by which policies tell requests.
pub(crate) fn touches(filters: &[&HeaderChange], minded: &BTreeSet<Name>) -> bool {
    let names = filters.iter().flat_map(|HeaderChange { set, add, remove }| {
        set.iter().chain(add).map(|(name, _)| name).chain(remove)
    });
    names.into_iter().any(|name| minded.contains(&canonical(name)))
}

/// Returns what a server sees of the requests of `matcher` after `filters`, in order. `minded` are the headers by which
/// policies tell requests; filters of paths, hosts and mirrors belong here once routes have them.
pub(crate) fn image(matcher: &HttpMatch, filters: &[&HeaderChange], minded: &BTreeSet<Name>) -> Image {
    let conditions = |headers: &[KeyMatch]| -> BTreeMap<Name, ValueMatch> {
        headers.iter().map(|header| (canonical(&header.name), header.value.clone())).collect()
    };
    let mut seen = Headers { conditions: conditions(&matcher.headers), gone: BTreeSet::new() };
    for HeaderChange { set, add, remove } in filters {
        remove.iter().for_each(|name| seen.remove(&canonical(name)));
        set.iter().for_each(|(name, value)| seen.set(&canonical(name), value, minded));
        add.iter().for_each(|(name, value)| seen.add(&canonical(name), value, minded));
    }
    if seen.gone.is_empty() && seen.conditions == conditions(&matcher.headers) {
        return Image::Same;
    }
    let blurred = !seen.gone.is_empty();
    let headers = seen.conditions.into_iter().map(|(name, value)| KeyMatch { name, value });
    let looks = HttpMatch { headers: headers.collect(), ..matcher.clone() };
    if blurred { Image::Blurred(looks) } else { Image::Seen(looks) }
}

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
    if lower == ":authority" { "host".into() } else { lower.as_str().into() }
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
    fn check(matcher: &[(&str, &str)], filters: &[HeaderChange], want: Image) {
        let filters: Vec<_> = filters.iter().collect();
        assert_eq!(image(&with(matcher), &filters, &["x".into()].into()), want);
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

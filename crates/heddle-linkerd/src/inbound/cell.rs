//! Requests in parts of which every policy says one thing.

use super::client::Clients;
use crate::pattern::CompiledExpressions;
use heddle_model::http::HttpMatch;
use heddle_model::matching::Meet;
use std::collections::BTreeSet;

/// The requests of a match, by some clients (`None`: whoever sends them).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    pub(crate) matcher: HttpMatch,
    pub(crate) clients: Option<Clients>,
}

impl Cell {
    pub(crate) fn is_within_any(&self, matcher: &[HttpMatch]) -> bool {
        matcher.iter().any(|one| self.matcher.is_within(one, &CompiledExpressions::default()))
    }

    /// Returns whether all who send these are among the clients.
    pub(crate) fn is_of(&self, clients: &BTreeSet<Clients>) -> bool {
        self.clients.as_ref().is_some_and(|own| clients.iter().any(|client| own.is_within(client)))
    }

    pub(crate) fn is_within(&self, outer: &Self) -> bool {
        let clients = outer.clients.as_ref().is_none_or(|client| self.is_of(&[client.clone()].into()));
        clients && self.matcher.is_within(&outer.matcher, &CompiledExpressions::default())
    }

    pub(crate) fn meet(&self, other: &Self) -> Option<Self> {
        let clients = match (&self.clients, &other.clients) {
            (Some(one), Some(another)) => Some(one.meet(another)?),
            (one, another) => one.as_ref().or(another.as_ref()).cloned(),
        };
        match self.matcher.meet(&other.matcher, &CompiledExpressions::default()) {
            Meet::Both(matcher) => Some(Self { matcher, clients }),
            // Policies have no regular expressions of paths.
            Meet::Nothing | Meet::Unknown => None,
        }
    }
}

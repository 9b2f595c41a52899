//! What an HTTP request looks like to a route or a policy.

use crate::Name;

/// A condition on a request: every part that is set must hold (Gateway API `HTTPRouteMatch`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpMatch {
    /// The path, without query. `None` matches every path, as prefix `/` does.
    pub path: Option<PathMatch>,
    /// The method, in upper case.
    pub method: Option<Name>,
    /// Headers; every entry must hold. Names are lower case, each at most once.
    pub headers: Vec<KeyMatch>,
    /// Query parameters; every entry must hold. Names are exact, each at most once.
    pub query: Vec<KeyMatch>,
}

/// A condition on a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathMatch {
    /// The whole path, case- and slash-sensitive.
    Exact(Name),
    /// Whole elements from the start; held without a trailing slash, so `/` is held as the empty text.
    Prefix(Name),
    /// A whole-path RE2 expression written by a user, never built from a name.
    Regex(Name),
}

/// A condition on one header or query parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyMatch {
    /// Its name.
    pub name: Name,
    /// What its value must be.
    pub value: ValueMatch,
}

/// A condition on a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValueMatch {
    /// The whole value.
    Exact(Name),
    /// The start of the value.
    Prefix(Name),
    /// A whole-value RE2 expression written by a user.
    Regex(Name),
    /// Any value, but there must be one.
    Present,
}

/// Changes to headers, in the order remove, set, add (Gateway API `HTTPHeaderFilter`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderChange {
    /// Replace the value, or create the header.
    pub set: Vec<(Name, Name)>,
    /// Append a value after those that the request has.
    pub add: Vec<(Name, Name)>,
    /// Take the header out.
    pub remove: Vec<Name>,
}

impl HeaderChange {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        let Self { set, add, remove } = self;
        set.is_empty() && add.is_empty() && remove.is_empty()
    }
}

//! Conditions on HTTP requests, as routes and policies have them.

use crate::Name;
use crate::path::{self, BadPath};

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

impl PathMatch {
    /// Returns the condition in the form in which policies hold it ([`path::canonical`]). An expression stays.
    ///
    /// # Errors
    /// A path that no proxy compares.
    pub fn canonical(&self) -> Result<Self, BadPath> {
        Ok(match self {
            Self::Exact(text) => Self::Exact(path::canonical(text)?),
            Self::Prefix(text) if text.is_empty() => self.clone(),
            Self::Prefix(text) => Self::Prefix(trimmed(&path::canonical(text)?)),
            Self::Regex(_) => self.clone(),
        })
    }

    /// Returns the conditions on resolved paths that a canonical one amounts to.
    pub fn spellings(&self) -> Vec<Self> {
        let each = |make: fn(Name) -> Self, text: &Name| {
            path::spellings(text).into_iter().map(|text| make(text.into())).collect()
        };
        match self {
            Self::Exact(text) => each(Self::Exact, text),
            Self::Prefix(text) if text.is_empty() => vec![self.clone()],
            Self::Prefix(text) => each(Self::Prefix, text),
            Self::Regex(_) => vec![self.clone()],
        }
    }

    /// Returns whether it compares escapes whose case can vary ([`path::minds_case`]).
    pub fn minds_case(&self) -> bool {
        match self {
            Self::Exact(text) | Self::Prefix(text) => path::minds_case(text),
            Self::Regex(_) => false,
        }
    }
}

/// A prefix without the slash at its end, which the Gateway API ignores.
fn trimmed(prefix: &str) -> Name {
    prefix.strip_suffix('/').unwrap_or(prefix).into()
}

/// A condition on one header or query parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyMatch {
    /// Its name.
    pub name: Name,
    /// The wanted value.
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
    /// Returns whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        let Self { set, add, remove } = self;
        set.is_empty() && add.is_empty() && remove.is_empty()
    }
}

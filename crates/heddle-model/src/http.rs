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

/// The changes by the filters of a rule or of a backend to all that passes (Gateway API `HTTPRouteFilter`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Changes to the headers of requests.
    pub request: HeaderChange,
    /// Changes to the headers of responses.
    pub response: HeaderChange,
    /// The host name that requests are given.
    pub host: Option<Name>,
    /// The path that requests are given.
    pub path: Option<PathChange>,
}

impl Filters {
    /// Returns whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        let Self { request, response, host, path } = self;
        request.is_empty() && response.is_empty() && host.is_none() && path.is_none()
    }
}

/// Another path for a request (Gateway API `HTTPPathModifier`). Its query stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathChange {
    /// The whole path.
    Full(Name),
    /// The elements that a rule's only match asked for. Both are held without a slash at the end, so that `/` is the empty
    /// text.
    Prefix {
        /// The prefix that goes.
        of: Name,
        /// The prefix that comes in its place.
        with: Name,
    },
}

impl PathChange {
    /// Returns the path, with or without its query, as it is after the change. A path that does not begin with the prefix
    /// stays as it is.
    pub fn of(&self, path: &str) -> String {
        let (bare, query) = path.split_at(path.find(['?', '#']).unwrap_or(path.len()));
        let changed = match self {
            Self::Full(whole) => whole.to_string(),
            Self::Prefix { of, with } => match bare.strip_prefix(of.as_str()) {
                Some("") if with.is_empty() => "/".into(),
                Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{with}{rest}"),
                Some(_) | None => bare.into(),
            },
        };
        changed + query
    }
}

/// A redirect that a client is answered with (Gateway API `HTTPRequestRedirectFilter`). What it does not say stays as
/// the request has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The scheme.
    pub scheme: Option<Scheme>,
    /// The host name.
    pub host: Option<Name>,
    /// The port.
    pub port: Option<u16>,
    /// The path.
    pub path: Option<PathChange>,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

/// The scheme of a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns the port that a URL of it need not state.
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Redirect {
    /// Returns the port that is stated in place of the request's, for a request in plain text to a port that was dialled;
    /// `None` leaves what stands behind the host name.
    ///
    /// What nobody states is the well-known port of a scheme that is stated, else the dialled one. The well-known one
    /// is not written, unless the request's own may stand there (`HTTPRequestRedirectFilter.port`).
    pub fn stated_port(&self, dialled: u16) -> Option<u16> {
        let scheme = self.scheme.unwrap_or(Scheme::Http);
        let wanted = self.port.or(self.scheme.map(Scheme::port)).unwrap_or(dialled);
        let is_bare = self.host.is_some() || dialled == Scheme::Http.port();
        (wanted != scheme.port() || !is_bare).then_some(wanted)
    }

    /// Returns the `Location` for a request in plain text: its authority and path, and the port that was dialled.
    pub fn location(&self, authority: &str, path: &str, dialled: u16) -> String {
        let scheme = self.scheme.unwrap_or(Scheme::Http);
        let port = self.stated_port(dialled);
        let name = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        let (bare, own) = authority.split_at(name.unwrap_or(authority.len()));
        let kept = if scheme != Scheme::Http && own == ":80" { "" } else { own };
        let host = match (&self.host, port) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_string(),
            (None, Some(port)) => format!("{bare}:{port}"),
            (None, None) => format!("{bare}{kept}"),
        };
        let path = self.path.as_ref().map_or_else(|| path.into(), |change| change.of(path));
        format!("{}://{host}{path}", scheme.as_str())
    }
}

/// The share of requests that is mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraction {
    /// At most the denominator.
    pub numerator: u32,
    /// At least 1.
    pub denominator: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of `HTTPPathModifier.replacePrefixMatch`.
    #[test]
    fn a_prefix_is_replaced_as_the_gateway_api_says() {
        for (path, of, with, want) in [
            ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
            ("/foo", "/foo", "/xyz", "/xyz"),
            ("/foo/", "/foo", "/xyz", "/xyz/"),
            ("/foo/bar", "/foo", "", "/bar"),
            ("/foo/", "/foo", "", "/"),
            ("/foo", "/foo", "", "/"),
            ("/foo?a=/foo", "/foo", "", "/?a=/foo"),
            ("/foo/bar?a", "/foo", "/xyz", "/xyz/bar?a"),
            ("/bar", "", "/xyz", "/xyz/bar"),
            ("/", "", "/xyz", "/xyz/"),
            ("/", "", "", "/"),
            ("/foobar", "/foo", "/xyz", "/foobar"),
        ] {
            let change = PathChange::Prefix { of: of.into(), with: with.into() };
            assert_eq!(change.of(path), want, "{path} {of} {with}");
        }
        assert_eq!(PathChange::Full("/new".into()).of("/old/one?q=1"), "/new?q=1");
    }

    #[test]
    fn a_redirect_states_the_port_that_the_gateway_api_derives() {
        for (scheme, host, port, dialled, authority, want) in [
            (None, None, None, 80, "echo", "http://echo/a?b"),
            (None, None, None, 80, "echo:80", "http://echo:80/a?b"),
            (None, None, None, 8080, "echo:8080", "http://echo:8080/a?b"),
            (None, Some("other"), None, 8080, "echo:8080", "http://other:8080/a?b"),
            (None, Some("other"), None, 80, "echo", "http://other/a?b"),
            (None, None, Some(8443), 80, "echo", "http://echo:8443/a?b"),
            (None, None, Some(80), 80, "echo", "http://echo/a?b"),
            (None, None, Some(80), 8080, "echo:8080", "http://echo:80/a?b"),
            (Some(Scheme::Https), None, None, 80, "echo:80", "https://echo/a?b"),
            (Some(Scheme::Https), None, None, 8080, "echo:8080", "https://echo:443/a?b"),
            (Some(Scheme::Https), Some("other"), None, 8080, "echo:8080", "https://other/a?b"),
            (Some(Scheme::Https), None, Some(8443), 80, "echo", "https://echo:8443/a?b"),
            (Some(Scheme::Https), None, Some(443), 80, "echo", "https://echo/a?b"),
            (Some(Scheme::Http), Some("other"), None, 8080, "echo:8080", "http://other/a?b"),
            (Some(Scheme::Https), None, None, 80, "[fd00::1]:80", "https://[fd00::1]/a?b"),
            (Some(Scheme::Https), None, None, 80, "[fd00::1]", "https://[fd00::1]/a?b"),
        ] {
            let redirect = Redirect { scheme, host: host.map(Name::from), port, path: None, status: 302 };
            let case = format!("{redirect:?} {dialled} {authority}");
            assert_eq!(redirect.location(authority, "/a?b", dialled), want, "{case}");
        }
    }
}

//! Changes of paths.
//!
//! Envoy replaces what its match took, so that a change decides how the match is written: a prefix that nothing
//! replaces is taken apart, and never by an expression that is built from a name.

use crate::route::matching;
use crate::xds;
use crate::xds::redirect_action::PathRewriteSpecifier;
use crate::xds::route_match::PathSpecifier;
use heddle_model::http::{HttpMatch, PathChange};

/// The text that comes in the place of a path.
pub(crate) enum Replacement {
    /// All of it is this.
    Whole(String),
    /// The part that the match took is this.
    Matched(String),
}

/// A match, and the replacement of the paths that it takes; `None` where they stay.
pub(crate) type Way = (xds::RouteMatch, Option<Replacement>);

/// Returns the ways in which the requests of a match are changed: each is one route.
pub(crate) fn ways(matcher: &HttpMatch, change: Option<&PathChange>) -> Vec<Way> {
    let wanted = matching::request(matcher);
    let at = |specifier| xds::RouteMatch { path_specifier: Some(specifier), ..wanted.clone() };
    match change {
        None => vec![(wanted, None)],
        Some(PathChange::Full(whole)) => vec![(wanted, Some(Replacement::Whole(whole.to_string())))],
        Some(PathChange::Prefix { of, with }) => match (of.as_str(), with.as_str()) {
            ("", "") => vec![(wanted, None)],
            ("", with) => vec![(wanted, Some(Replacement::Matched(format!("{with}/"))))],
            (of, "") => [PathSpecifier::Path(of.into()), PathSpecifier::Prefix(format!("{of}/"))]
                .map(|specifier| (at(specifier), Some(Replacement::Matched("/".into()))))
                .into(),
            (_, with) => vec![(wanted, Some(Replacement::Matched(with.into())))],
        },
    }
}

/// Makes a route that forwards do so with another path.
pub(super) fn forwarded(action: &mut xds::RouteAction, replacement: Replacement) {
    match replacement {
        Replacement::Matched(text) => action.prefix_rewrite = text,
        Replacement::Whole(text) => {
            let pattern = Some(xds::RegexMatcher { regex: "^.+$".into() });
            action.regex_rewrite = Some(xds::RegexMatchAndSubstitute { pattern, substitution: text });
        }
    }
}

/// Returns the path of a redirect.
pub(super) fn redirected(replacement: Replacement) -> PathRewriteSpecifier {
    match replacement {
        Replacement::Matched(text) => PathRewriteSpecifier::PrefixRewrite(text),
        Replacement::Whole(text) => PathRewriteSpecifier::PathRedirect(text),
    }
}

//! Precedence of matches: Gateway API's order over all rules of all routes of a table.

use heddle_model::http::{HttpMatch, PathMatch};
use heddle_model::{Kind, SourceRef};
use std::cmp::Reverse;

/// The rank of a match in its table; the least wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    path: PathRank,
    no_method: bool,
    headers: Reverse<usize>,
    query: Reverse<usize>,
    /// `None` sorts first: a route without a timestamp counts as oldest.
    created: Option<i64>,
    route: SourceRef,
    rule: usize,
    place: usize,
}

/// Exact before regular expressions before the longest prefix.
///
/// Gateway API leaves the place of regular expressions open. Behind the prefixes none could ever win where a
/// rule without a path is there too. Of calls, those of more characters of a service win, so that expressions, among
/// them a method of any service, come behind services, and before what matches all (`GRPCRouteRule.matches`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PathRank {
    Exact,
    Regex,
    Prefix(Reverse<usize>),
    Call,
    AnyCall,
}

/// The rank of one match of one rule of a route.
pub(crate) fn rank(
    matcher: &HttpMatch,
    created: Option<i64>,
    route: &SourceRef,
    [rule, place]: [usize; 2],
) -> Rank {
    let HttpMatch { path, method, headers, query } = matcher;
    let calls = route.kind == Kind::GrpcRoute;
    let path = match path {
        Some(PathMatch::Exact(_)) => PathRank::Exact,
        Some(PathMatch::Regex(_)) if calls => PathRank::Call,
        None if calls => PathRank::AnyCall,
        Some(PathMatch::Regex(_)) => PathRank::Regex,
        Some(PathMatch::Prefix(prefix)) => PathRank::Prefix(Reverse(prefix.chars().count())),
        None => PathRank::Prefix(Reverse(0)),
    };
    Rank {
        path,
        no_method: method.is_none(),
        headers: Reverse(headers.len()),
        query: Reverse(query.len()),
        created,
        route: route.clone(),
        rule,
        place,
    }
}

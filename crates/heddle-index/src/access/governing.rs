//! The routes that govern requests at a port: claims of routes, made into one list of which the first match counts.

use crate::routes::precedence::Rank;
use heddle_model::SourceRef;
use heddle_model::access::{AccessEntry, Action, Governor, Policy, RouteAccess, Sight, Unmatched};
use heddle_model::http::HttpMatch;
use heddle_model::matching::NoExpressions;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most entries that overlapping claims may add, besides one for each.
const MOST_ADDED: usize = 1024;

/// Some requests that a route claims.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// Its rank among the others; `None` stands before all.
    pub(crate) rank: Option<Rank>,
    pub(crate) matcher: HttpMatch,
    /// The route's place among the governors.
    pub(crate) governor: usize,
    pub(crate) hold: Hold,
}

/// The hold of a route on the requests that it claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// They are its own.
    Owns,
    /// Some of them may be its own: it governs beside whoever owns them.
    Shares(Otherwise),
    /// They are its own, and its policies are all in Audit: it only looks on.
    Audits,
}

/// The rule for shared requests of a route that no other route claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// Nothing: they are the route's.
    Nothing,
    /// The policies of the port alone must admit too.
    Port,
    /// Whatever holds for requests that nobody claims.
    Unclaimed,
}

/// The governors of a port.
#[derive(Default)]
pub(crate) struct Governors(Vec<Governor>);

impl Governors {
    /// Returns the place of a governor, which is added if it is new.
    pub(crate) fn place(&mut self, governor: Governor) -> usize {
        let same = |known: &Governor| known.route == governor.route && known.sight == governor.sight;
        self.0.iter().position(same).unwrap_or_else(|| {
            self.0.push(governor);
            self.0.len() - 1
        })
    }

    /// Returns the places of all of these, each once. A request that is a route's in any case is not blurred by another
    /// match of that route.
    fn joined(&self, all: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let all = places(all);
        let is_clear = |route: &Option<SourceRef>| {
            all.iter().any(|place| self.0[*place].route == *route && self.0[*place].sight == Sight::Clear)
        };
        let needed =
            |place: &&usize| self.0[**place].sight == Sight::Clear || !is_clear(&self.0[**place].route);
        all.iter().filter(needed).copied().collect()
    }

    /// The place of the policies of the port alone.
    fn port(&mut self) -> usize {
        self.place(Governor { route: None, sight: Sight::Clear, policies: Vec::new() })
    }
}

/// Returns a route's governor where a server cannot tell its requests: its Allows admit nothing.
pub(crate) fn blurred(governor: &Governor) -> Governor {
    let without_rules = |policy: &Policy| match policy.action {
        Action::Allow => Policy { rules: Arc::new([]), ..policy.clone() },
        Action::Deny => policy.clone(),
    };
    let policies = governor.policies.iter().map(without_rules).collect();
    Governor { route: governor.route.clone(), sight: Sight::Blurred, policies }
}

/// Makes one list of all claims.
///
/// Claims that are shared are put before the entries with which they have requests in common, as entries for just those
/// requests, each with the governors of both.
///
/// # Errors
/// How many entries it would take, where that is too much: nothing tells then whose a request is.
pub(crate) fn ordered(mut claims: Vec<Claim>, governors: &mut Governors) -> Result<Vec<AccessEntry>, usize> {
    claims.sort_by(|a, b| b.rank.cmp(&a.rank));
    let most = claims.len() + MOST_ADDED;
    // The last entry first.
    let mut entries: Vec<AccessEntry> = Vec::new();
    for claim in claims {
        let Claim { rank: _, matcher, governor, hold } = claim;
        let (own, audits, otherwise) = match hold {
            Hold::Owns => {
                entries.push(AccessEntry { matcher, governors: vec![governor], audits: Vec::new() });
                continue;
            }
            Hold::Shares(Otherwise::Nothing) => (Some(governor), None, Some(vec![governor])),
            Hold::Shares(Otherwise::Port) => {
                (Some(governor), None, Some(places([governor, governors.port()])))
            }
            Hold::Shares(Otherwise::Unclaimed) => (Some(governor), None, None),
            Hold::Audits => (None, Some(governor), Some(Vec::new())),
        };
        let mut added = Vec::new();
        let mut all_claimed = false;
        for entry in entries.iter().rev() {
            let Some(both) = matcher.meet(&entry.matcher, &NoExpressions).both() else { continue };
            // An entry without governors only looks on: nobody has claimed its requests.
            let unclaimed = entry.governors.is_empty();
            added.push(AccessEntry {
                matcher: both,
                governors: match unclaimed {
                    true => otherwise.clone().unwrap_or_default(),
                    false => governors.joined(entry.governors.iter().copied().chain(own)),
                },
                audits: places(entry.audits.iter().copied().chain(audits)),
            });
            if matcher.is_within(&entry.matcher, &NoExpressions) {
                all_claimed = true;
                break;
            }
        }
        if let (Some(governors), false) = (otherwise, all_claimed) {
            added.push(AccessEntry { matcher, governors, audits: audits.into_iter().collect() });
        }
        entries.extend(added.into_iter().rev());
        if entries.len() > most {
            return Err(entries.len());
        }
    }
    let mut known = BTreeSet::new();
    entries.reverse();
    entries.retain(|entry| known.insert(entry.matcher.clone()));
    Ok(entries)
}

/// Returns what holds at a port where several routes' policies hold: as listed, or where that is too much, everything
/// that any of them denies is denied, and their Allows admit nothing.
pub(crate) fn access(
    entries: Result<Vec<AccessEntry>, usize>,
    governors: Governors,
    unmatched: Unmatched,
) -> RouteAccess {
    let Governors(governors) = governors;
    match entries {
        Ok(entries) => RouteAccess { governors, entries, unmatched },
        Err(_) => closed(&governors, unmatched),
    }
}

/// Returns what holds where two lists of routes overlap in too many ways: the narrowest of both.
pub(crate) fn neither(outer: &RouteAccess, inner: &RouteAccess) -> RouteAccess {
    let governors: Vec<_> = outer.governors.iter().chain(&inner.governors).cloned().collect();
    let mut all = closed(&governors, outer.unmatched);
    // Only what the outer list serves is served at all.
    if outer.unmatched == Unmatched::Refused {
        let entry = all.entries.remove(0);
        let served =
            outer.entries.iter().map(|one| AccessEntry { matcher: one.matcher.clone(), ..entry.clone() });
        all.entries = served.collect();
    }
    all
}

fn closed(governors: &[Governor], unmatched: Unmatched) -> RouteAccess {
    let governors: Vec<_> = governors.iter().map(blurred).collect();
    let all = (0..governors.len()).collect();
    let entry = AccessEntry { matcher: HttpMatch::default(), governors: all, audits: Vec::new() };
    RouteAccess { governors, entries: vec![entry], unmatched }
}

/// Returns what holds where the requests of two lists of routes both hold: each list has its say, so a request has the
/// governors of its first match in either.
pub(crate) fn both(outer: &RouteAccess, inner: &RouteAccess) -> Result<RouteAccess, usize> {
    let moved = outer.governors.len();
    let governors: Vec<_> = outer.governors.iter().chain(&inner.governors).cloned().collect();
    let most = outer.entries.len() + inner.entries.len() + MOST_ADDED;
    let mut entries = Vec::new();
    for one in &outer.entries {
        let mut all_claimed = false;
        for other in inner.entries.iter().filter(|other| one.matcher.may_meet(&other.matcher)) {
            let Some(matcher) = one.matcher.meet(&other.matcher, &NoExpressions).both() else { continue };
            let joined = |own: &[usize], others: &[usize]| {
                places(own.iter().copied().chain(others.iter().map(|place| place + moved)))
            };
            let governors = joined(&one.governors, &other.governors);
            entries.push(AccessEntry { matcher, governors, audits: joined(&one.audits, &other.audits) });
            if one.matcher.is_within(&other.matcher, &NoExpressions) {
                all_claimed = true;
                break;
            }
        }
        if !all_claimed {
            entries.push(one.clone());
        }
        if entries.len() > most {
            return Err(entries.len());
        }
    }
    let unmatched = match (outer.unmatched, inner.unmatched) {
        (Unmatched::ByPort, Unmatched::ByPort) => Unmatched::ByPort,
        (Unmatched::Refused, _) | (_, Unmatched::Refused) => Unmatched::Refused,
    };
    Ok(RouteAccess { governors, entries, unmatched })
}

fn places(all: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let all: BTreeSet<usize> = all.into_iter().collect();
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::access::{Mode, Peer, Principal, Rule};
    use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};
    use heddle_model::{Kind, SourceRef};

    /// Claims that each meet all others: as many paths as headers.
    fn grid(side: usize) -> (Vec<Claim>, Governors) {
        let rule = Rule { from: vec![Peer::new([Principal::Any], [])], ..Rule::default() };
        let policy = |action| Policy {
            source: SourceRef::new(Kind::AccessPolicy, "shop", "p"),
            action,
            mode: Mode::Enforce,
            rules: Arc::new([rule.clone()]),
        };
        let mut governors = Governors::default();
        let route = |name: String| Some(SourceRef::new(Kind::HttpRoute, "shop", name));
        let mut place = |name: String| {
            let policies = vec![policy(Action::Allow), policy(Action::Deny)];
            governors.place(Governor { route: route(name), sight: Sight::Clear, policies })
        };
        let mut claims = Vec::new();
        for number in 0..side {
            let path = Some(PathMatch::Exact(format!("/{number}").into()));
            let header = KeyMatch { name: format!("h{number}").into(), value: ValueMatch::Exact("v".into()) };
            let by_path = HttpMatch { path, ..HttpMatch::default() };
            let by_header = HttpMatch { headers: vec![header], ..HttpMatch::default() };
            let shared = Hold::Shares(Otherwise::Nothing);
            for (matcher, hold) in [(by_path, Hold::Owns), (by_header, shared)] {
                let governor = place(format!("r{number}-{hold:?}"));
                claims.push(Claim { rank: None, matcher, governor, hold });
            }
        }
        (claims, governors)
    }

    #[test]
    fn claims_that_overlap_in_too_many_ways_close_the_port_to_what_any_of_them_denies() {
        let (claims, mut governors) = grid(4);
        assert!(ordered(claims, &mut governors).is_ok());
        let (claims, mut governors) = grid(40);
        let entries = ordered(claims, &mut governors);
        assert!(
            entries.as_ref().is_err_and(|number| *number > MOST_ADDED),
            "{:?}",
            entries.map(|all| all.len())
        );
        let closed = access(entries, governors, Unmatched::ByPort);
        let [entry] = closed.entries.as_slice() else { panic!("{} entries", closed.entries.len()) };
        assert_eq!((&entry.matcher, entry.governors.len()), (&HttpMatch::default(), 80));
        for policy in closed.governors.iter().flat_map(|governor| &governor.policies) {
            assert_eq!(policy.rules.is_empty(), policy.action == Action::Allow, "an Allow admits nothing");
        }
    }
}

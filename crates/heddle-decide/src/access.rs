//! Admission of a request by a server: the meaning of [`Access`] that every data plane is held to.

use crate::matching::{header_matches, matches_resolved, resolved_path_matches};
use crate::request::{HttpCall, Lines};
use crate::verdict::{Admission, AuditHit, Ground, Would};
use heddle_model::Identity;
use heddle_model::access::{
    Access, AccessEntry, Action, Mode, Network, Peer, Policy, Posture, Principal, RequestMatch, RouteAccess,
    Rule, Unmatched,
};
use heddle_model::path;
use std::net::IpAddr;

/// The caller and what it sends, as the server's proxy sees them.
pub(crate) struct Arrival<'a> {
    /// The proven identity.
    pub(crate) identity: Option<&'a Identity>,
    /// The mesh's trust domain.
    pub(crate) trust_domain: &'a str,
    /// The peer's address; `None` if that is not known, and then no network matches.
    pub(crate) address: Option<IpAddr>,
    /// The request, its path as the server's proxy compares it; `None` where the proxy carries bytes.
    pub(crate) http: Option<&'a HttpCall>,
}

/// A policy's judgement of one arrival.
enum Says {
    /// The rule at this place matches.
    Matches(usize),
    /// No rule matches.
    Covers,
}

/// A policy, and whether it is about the requests of routes.
#[derive(Clone, Copy)]
struct Held<'a> {
    policy: &'a Policy,
    of_route: bool,
}

/// The policies on routes that hold for one arrival.
pub(crate) enum Governing<'a> {
    /// Those of the port alone.
    Port,
    /// Those of an entry.
    Entry(&'a RouteAccess, &'a AccessEntry),
    /// All of them: bytes may be a request of any route.
    Bytes(&'a RouteAccess),
    /// It is refused: it is no request of the routes that the port serves.
    Refused,
}

/// Returns the policies on routes that hold for an arrival: those of the first entry that matches a request.
pub(crate) fn governing<'a>(access: &'a Access, arrival: &Arrival) -> Governing<'a> {
    let Some(routes) = &access.routes else { return Governing::Port };
    let found = match arrival.http {
        Some(call) => routes.entries.iter().find(|entry| matches_resolved(&entry.matcher, call)),
        None if routes.unmatched == Unmatched::Refused => return Governing::Refused,
        None => return Governing::Bytes(routes),
    };
    match (found, routes.unmatched) {
        (Some(entry), _) => Governing::Entry(routes, entry),
        (None, Unmatched::ByPort) => Governing::Port,
        (None, Unmatched::Refused) => Governing::Refused,
    }
}

/// Decides in the order that [`Access`] states.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other variants are alike here")]
pub(crate) fn admit(access: &Access, arrival: &Arrival) -> Admission {
    if access.minds_case() && arrival.http.is_some_and(|call| path::has_lower_escape(call.bare_path())) {
        return Admission::Denied(Ground::LowerEscape);
    }
    if matches!(governing(access, arrival), Governing::Refused) {
        return Admission::Denied(Ground::NotRouted);
    }
    let verdicts = held(access, arrival).into_iter().map(|mut held| {
        held.sort_by(|a, b| a.policy.source.cmp(&b.policy.source));
        admit_by(access, &held, arrival)
    });
    let mut verdicts = verdicts.collect::<Vec<_>>().into_iter();
    let first = verdicts.next().unwrap_or_else(|| by_posture(access, arrival));
    verdicts.fold(first, |worst, next| match worst {
        Admission::Denied(_) => worst,
        _ if matches!(next, Admission::Denied(_)) => next,
        _ => worst,
    })
}

/// The lists of policies of which each must admit: those of the port with those of each governor.
fn held<'a>(access: &'a Access, arrival: &Arrival) -> Vec<Vec<Held<'a>>> {
    let of_port = || access.policies.iter().map(|policy| Held { policy, of_route: false });
    let of_route = |policies: &'a [Policy]| policies.iter().map(|policy| Held { policy, of_route: true });
    match governing(access, arrival) {
        Governing::Port | Governing::Refused => vec![of_port().collect()],
        Governing::Entry(_, entry) if entry.governors.is_empty() => vec![of_port().collect()],
        Governing::Entry(routes, entry) => {
            let each = routes.at(&entry.governors);
            each.map(|governor| of_port().chain(of_route(&governor.policies)).collect()).collect()
        }
        Governing::Bytes(routes) => {
            let all = routes.governors.iter().flat_map(|governor| of_route(&governor.policies));
            vec![of_port().chain(all).collect()]
        }
    }
}

fn admit_by(access: &Access, held: &[Held], arrival: &Arrival) -> Admission {
    let enforced = |action| {
        let all = held.iter().map(|held| (held, held.policy));
        all.filter(move |(_, policy)| policy.mode == Mode::Enforce && policy.action == action)
    };
    let rule =
        |policy: &Policy, rule| Ground::Rule { policy: policy.source.clone(), rule, action: policy.action };
    for (held, policy) in enforced(Action::Deny) {
        if let Says::Matches(index) = says(held, arrival) {
            return Admission::Denied(rule(policy, index));
        }
    }
    let mut covered_by = Vec::new();
    for (held, policy) in enforced(Action::Allow) {
        match says(held, arrival) {
            Says::Matches(index) => return Admission::Allowed(rule(policy, index)),
            Says::Covers => covered_by.push(policy.source.clone()),
        }
    }
    if !covered_by.is_empty() {
        return Admission::Denied(Ground::NoRuleMatches { policies: covered_by });
    }
    by_posture(access, arrival)
}

/// Returns what each policy in Audit would do if all of them were enforced. An Allow that covers the request without
/// admitting it would do nothing where another Allow, enforced or not, admits it.
pub(crate) fn audit(access: &Access, arrival: &Arrival) -> Vec<AuditHit> {
    let mut held: Vec<Held> = held(access, arrival).into_iter().flatten().collect();
    if let Governing::Entry(routes, entry) = governing(access, arrival) {
        let audits = routes.at(&entry.audits).flat_map(|route| &route.policies);
        held.extend(audits.map(|policy| Held { policy, of_route: true }));
    }
    let admits =
        |held: &Held| held.policy.action == Action::Allow && matches!(says(held, arrival), Says::Matches(_));
    let admitted = held.iter().any(admits);
    let hit = |held: &Held| {
        let would = match (held.policy.action, says(held, arrival)) {
            (Action::Deny, Says::Matches(rule)) => Would::Deny { rule },
            (Action::Allow, Says::Matches(rule)) => Would::Allow { rule },
            (Action::Allow, Says::Covers) if !admitted => Would::NotAllow,
            (Action::Allow | Action::Deny, Says::Covers) => return None,
        };
        Some(AuditHit { policy: held.policy.source.clone(), would })
    };
    let audited = held.iter().filter(|held| held.policy.mode == Mode::Audit);
    let mut hits: Vec<_> = audited.filter_map(hit).collect();
    hits.sort_by(|a, b| a.policy.cmp(&b.policy));
    hits.dedup();
    hits
}

fn by_posture(access: &Access, arrival: &Arrival) -> Admission {
    let ground = Ground::Posture { posture: access.posture, source: access.posture_source.clone() };
    let admitted = match access.posture {
        Posture::Allow => true,
        Posture::Authenticated => arrival.identity.is_some(),
        Posture::Deny => false,
    };
    if admitted { Admission::Allowed(ground) } else { Admission::Denied(ground) }
}

fn says(held: &Held, arrival: &Arrival) -> Says {
    let matching = held.policy.rules.iter().find(|rule| rule_matches(held, rule, arrival));
    matching.map_or(Says::Covers, |rule| Says::Matches(rule.index))
}

/// Returns where a proxy carries bytes, the HTTP parts of a rule take their narrowest safe meaning: an Allow that
/// has them (or is on a route) admits nothing, a Deny forgets them.
fn rule_matches(held: &Held, rule: &Rule, arrival: &Arrival) -> bool {
    let from = rule.from.is_empty() || rule.from.iter().any(|peer| peer_matches(peer, arrival));
    let speaks_of_http = !rule.requests.is_empty() || held.of_route;
    from && match (arrival.http, held.policy.action) {
        (Some(call), _) => {
            rule.requests.is_empty() || rule.requests.iter().any(|want| request_matches(want, call))
        }
        (None, Action::Allow) => !speaks_of_http,
        (None, Action::Deny) => true,
    }
}

fn peer_matches(peer: &Peer, arrival: &Arrival) -> bool {
    let Peer { principals, networks } = peer;
    let known = principals.is_empty() || principals.iter().any(|want| principal_matches(want, arrival));
    let near = networks.is_empty()
        || arrival.address.is_some_and(|from| networks.iter().any(|want| network_matches(want, from)));
    known && near
}

fn principal_matches(want: &Principal, arrival: &Arrival) -> bool {
    arrival.identity.is_some_and(|identity| match want {
        Principal::Any => true,
        Principal::Namespace(namespace) => identity.namespace == *namespace,
        Principal::Account(account) => identity == account,
        Principal::Spiffe(id) => identity.spiffe(arrival.trust_domain) == id.as_str(),
    })
}

fn network_matches(want: &Network, from: IpAddr) -> bool {
    let Network { cidr, except } = want;
    cidr.contains(&from) && !except.iter().any(|hole| hole.contains(&from))
}

fn request_matches(want: &RequestMatch, call: &HttpCall) -> bool {
    let RequestMatch { methods, paths, headers } = want;
    (methods.is_empty() || methods.contains(call.method.as_str()))
        && (paths.is_empty() || paths.iter().any(|path| resolved_path_matches(path, call.bare_path())))
        && headers.iter().all(|header| header_matches(header, call, Lines::Joined))
}

#[cfg(test)]
mod tests;

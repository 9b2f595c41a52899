//! Whether a server admits a request: the meaning of [`Access`] that every data plane is held to.

use crate::matching::{header_matches, matches_resolved, resolved_path_matches};
use crate::request::{HttpCall, Lines};
use crate::verdict::{Admission, AuditHit, Ground, Would};
use heddle_model::Identity;
use heddle_model::access::{
    Access, Action, Mode, Network, Peer, Policy, Posture, Principal, RequestMatch, Rule,
};
use heddle_model::path;
use std::net::IpAddr;

/// The caller and what it sends, as the server's proxy sees them.
pub(crate) struct Arrival<'a> {
    /// The proven identity.
    pub(crate) identity: Option<&'a Identity>,
    /// The mesh's trust domain.
    pub(crate) trust_domain: &'a str,
    /// Where the connection comes from; `None` if that is not known, and then no network matches.
    pub(crate) address: Option<IpAddr>,
    /// The request, its path as the server's proxy compares it; `None` where the proxy carries bytes.
    pub(crate) http: Option<&'a HttpCall>,
}

/// What a policy says of one arrival.
enum Says {
    /// The rule at this place matches.
    Matches(usize),
    /// It covers the request, and no rule matches.
    Covers,
    /// It does not speak of this request.
    Nothing,
}

/// Decides in the order that [`Access`] states.
pub(crate) fn admit(access: &Access, arrival: &Arrival) -> Admission {
    if access.minds_case() && arrival.http.is_some_and(|call| path::has_lower_escape(call.bare_path())) {
        return Admission::Denied(Ground::LowerEscape);
    }
    if !is_routed(access, arrival) {
        return Admission::Denied(Ground::NotRouted);
    }
    let enforced = |action| {
        access.policies.iter().filter(move |policy| policy.mode == Mode::Enforce && policy.action == action)
    };
    let rule =
        |policy: &Policy, rule| Ground::Rule { policy: policy.source.clone(), rule, action: policy.action };
    for policy in enforced(Action::Deny) {
        if let Says::Matches(index) = says(policy, arrival) {
            return Admission::Denied(rule(policy, index));
        }
    }
    let mut covered_by = Vec::new();
    for policy in enforced(Action::Allow) {
        match says(policy, arrival) {
            Says::Matches(index) => return Admission::Allowed(rule(policy, index)),
            Says::Covers => covered_by.push(policy.source.clone()),
            Says::Nothing => {}
        }
    }
    if !covered_by.is_empty() {
        return Admission::Denied(Ground::NoRuleMatches { policies: covered_by });
    }
    by_posture(access, arrival)
}

/// What each policy in Audit would do if all of them were enforced. An Allow that covers the request without
/// admitting it would do nothing where another Allow, enforced or not, admits it.
pub(crate) fn audit(access: &Access, arrival: &Arrival) -> Vec<AuditHit> {
    let audited = access.policies.iter().filter(|policy| policy.mode == Mode::Audit);
    let admits = |policy: &&Policy| {
        policy.action == Action::Allow && matches!(says(policy, arrival), Says::Matches(_))
    };
    let admitted = access.policies.iter().any(|policy| admits(&policy));
    let hit = |policy: &Policy| {
        let would = match (policy.action, says(policy, arrival)) {
            (Action::Deny, Says::Matches(rule)) => Would::Deny { rule },
            (Action::Allow, Says::Matches(rule)) => Would::Allow { rule },
            (Action::Allow, Says::Covers) if !admitted => Would::NotAllow,
            (Action::Allow | Action::Deny, Says::Covers | Says::Nothing) => return None,
        };
        Some(AuditHit { policy: policy.source.clone(), would })
    };
    audited.filter_map(hit).collect()
}

/// Whether it is a request of a route, where only those are served.
fn is_routed(access: &Access, arrival: &Arrival) -> bool {
    let Some(routed) = &access.routed else { return true };
    arrival.http.is_some_and(|call| routed.iter().any(|matcher| matches_resolved(matcher, call)))
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

fn says(policy: &Policy, arrival: &Arrival) -> Says {
    if !in_scope(policy, arrival) {
        return Says::Nothing;
    }
    let matching = policy.rules.iter().find(|rule| rule_matches(policy, rule, arrival));
    matching.map_or(Says::Covers, |rule| Says::Matches(rule.index))
}

/// Bytes are in every scope: whoever could pass requests of the route as bytes must not get round a policy
/// of that route.
fn in_scope(policy: &Policy, arrival: &Arrival) -> bool {
    match (&policy.scope, arrival.http) {
        (Some(scope), Some(call)) => scope.iter().any(|matcher| matches_resolved(matcher, call)),
        (None, _) | (_, None) => true,
    }
}

/// Where a proxy carries bytes, the HTTP parts of a rule take their narrowest safe meaning: an Allow that
/// has them (or covers only a route) admits nothing, a Deny forgets them.
fn rule_matches(policy: &Policy, rule: &Rule, arrival: &Arrival) -> bool {
    let from = rule.from.is_empty() || rule.from.iter().any(|peer| peer_matches(peer, arrival));
    let speaks_of_http = !rule.requests.is_empty() || policy.scope.is_some();
    from && match (arrival.http, policy.action) {
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

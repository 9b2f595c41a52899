//! Policies in the terms that a proxy knows.

use crate::pattern;
use heddle_model::SourceRef;
use heddle_model::access::{Access, Action, Mode, Peer, Policy, RequestMatch, Rule};
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch};

/// The paths that a server may read as another: dots, double slashes, backslashes, and escapes of what needs none.
///
/// A proxy compares paths as they were sent, so such a path might get past a policy for another spelling of it.
pub(crate) const OTHER_SPELLINGS: &str = concat!(
    r"(?s)\A(?:.*(?://|\\|/\.{1,2}(?:/|\z)|",
    r"%(?:2[DdEeFf]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaCcFf]|6[1-9A-Fa-f]|7[0-9AaEe])).*)\z"
);

/// What a proxy refuses though the policies would admit it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Excess {
    /// Paths in other spellings, because some policy minds paths.
    Spellings,
    /// Bytes of everyone whom this Deny's callers cannot be told from.
    Bytes(SourceRef),
    /// Requests by authority: what this policy says of one is forgotten (Deny), or admits nothing (Allow).
    Authority(SourceRef),
    /// All requests: these policies make more routes than a proxy is given.
    TooManyRoutes,
}

/// One enforced policy.
pub(crate) struct Told<'a> {
    pub(crate) source: &'a SourceRef,
    pub(crate) action: Action,
    /// What it covers; `None` is everything.
    pub(crate) covers: Option<Vec<HttpMatch>>,
    pub(crate) rules: Vec<ToldRule<'a>>,
}

/// One rule: a caller and a request must match.
pub(crate) struct ToldRule<'a> {
    /// Any of these; none is everyone.
    pub(crate) from: &'a [Peer],
    /// It speaks of requests, itself or by what its policy covers.
    pub(crate) minds_requests: bool,
    /// Any of these, where the policy covers; `None` is every request.
    pub(crate) requests: Option<Vec<HttpMatch>>,
}

/// The enforced policies, and what cannot be told.
pub(crate) fn policies(access: &Access) -> (Vec<Told<'_>>, Vec<Excess>) {
    let Access { posture: _, posture_source: _, policies, routed: _ } = access;
    let mut excess = Vec::new();
    if minds_paths(access) {
        excess.push(Excess::Spellings);
    }
    let enforced = policies.iter().filter(|policy| policy.mode == Mode::Enforce);
    let told = enforced.map(|policy| {
        let minds_authority = authorities(policy);
        if minds_authority {
            excess.push(Excess::Authority(policy.source.clone()));
        }
        one(policy)
    });
    let told = told.collect();
    (told, excess)
}

/// Whether anything that is enforced looks at paths.
pub(crate) fn minds_paths(access: &Access) -> bool {
    let enforced = access.policies.iter().filter(|policy| policy.mode == Mode::Enforce);
    let mut scopes =
        enforced.clone().filter_map(|policy| policy.scope.as_deref()).chain(access.routed.as_deref());
    let mut requests = enforced.flat_map(|policy| policy.rules.iter()).flat_map(|rule| &rule.requests);
    scopes.any(|scope| scope.iter().any(|of| of.path.is_some()))
        || requests.any(|request| !request.paths.is_empty())
}

/// What of these matches requests at all, in the spelling in which paths are compared.
pub(crate) fn spelled(scope: &[HttpMatch]) -> Vec<HttpMatch> {
    let plain = scope.iter().filter(|of| of.path.as_ref().is_none_or(is_plain));
    plain.map(crate::matching::normal).collect()
}

fn one(policy: &Policy) -> Told<'_> {
    let Policy { source, action, mode: _, scope, rules } = policy;
    let covers = scope.as_deref().map(|scope| spelled(scope).iter().map(without_authority).collect());
    // Where the scope itself cannot be told, an Allow closes it and admits nothing there.
    let untold = *action == Action::Allow && scope.iter().flat_map(|of| of.iter()).any(has_authority);
    let rules = rules.iter().filter(|_| !untold).map(|rule| told_rule(rule, *action, scope.is_some()));
    Told { source, action: *action, covers, rules: rules.collect() }
}

fn told_rule(rule: &Rule, action: Action, is_scoped: bool) -> ToldRule<'_> {
    let Rule { from, requests } = rule;
    let all: Vec<HttpMatch> = requests.iter().flat_map(expanded).collect();
    let told = spelled(&all).into_iter().filter(|of| action == Action::Deny || !has_authority(of));
    let told: Vec<HttpMatch> = told.map(|of| without_authority(&of)).collect();
    let minds_requests = is_scoped || !requests.is_empty();
    ToldRule { from, minds_requests, requests: (!requests.is_empty()).then_some(told) }
}

/// One match for each method and path.
fn expanded(of: &RequestMatch) -> Vec<HttpMatch> {
    let RequestMatch { methods, paths, headers } = of;
    let methods: Vec<_> = match methods.is_empty() {
        true => vec![None],
        false => methods.iter().cloned().map(Some).collect(),
    };
    let paths: Vec<_> = match paths.is_empty() {
        true => vec![None],
        false => paths.iter().cloned().map(Some).collect(),
    };
    let with = |path: &Option<PathMatch>, method: &Option<heddle_model::Name>| HttpMatch {
        path: path.clone(),
        method: method.clone(),
        headers: headers.clone(),
        query: Vec::new(),
    };
    paths.iter().flat_map(|path| methods.iter().map(move |method| with(path, method))).collect()
}

/// Whether a path can be compared at all: one that is spelled otherwise is never asked for.
fn is_plain(path: &PathMatch) -> bool {
    let (PathMatch::Exact(path) | PathMatch::Prefix(path) | PathMatch::Regex(path)) = path;
    !pattern::matches(OTHER_SPELLINGS, path)
}

fn authorities(policy: &Policy) -> bool {
    let scopes = policy.scope.iter().flat_map(|scope| scope.iter());
    let requests = policy.rules.iter().flat_map(|rule| &rule.requests).flat_map(|of| &of.headers);
    scopes.flat_map(|of| &of.headers).chain(requests).any(is_authority)
}

fn has_authority(of: &HttpMatch) -> bool {
    of.headers.iter().any(is_authority)
}

fn without_authority(of: &HttpMatch) -> HttpMatch {
    let headers = of.headers.iter().filter(|header| !is_authority(header)).cloned().collect();
    HttpMatch { headers, ..of.clone() }
}

/// HTTP/2 has no such header, and a proxy compares authorities without their port.
fn is_authority(header: &KeyMatch) -> bool {
    header.name.eq_ignore_ascii_case("host") || header.name.as_str() == ":authority"
}

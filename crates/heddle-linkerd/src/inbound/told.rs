//! Policies in the terms that a proxy knows.

use crate::matching::is_one_value;
use crate::pattern::Expressions;
use heddle_model::SourceRef;
use heddle_model::access::{Access, Action, Mode, Peer, Policy, RequestMatch, Rule};
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};

/// The paths that a server may read as another: dots, double slashes, backslashes, escapes of what needs none, and
/// characters that need one.
///
/// A proxy compares paths as they were sent, so such a path might get past a policy for another spelling of it.
pub(crate) const OTHER_SPELLINGS: &str = concat!(
    r#"(?s)\A(?:.*(?://|\\|/\.{1,2}(?:[;/]|\z)|["<>^`{|}]|[^\x21-\x7e]|"#,
    r"%(?:00|2[DdEeFf]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaCcFf]|6[1-9A-Fa-f]|7[0-9AaEe])).*)\z"
);

/// The paths with an escape in lower case.
pub(crate) const LOWER_ESCAPES: &str = r"(?s)\A(?:.*%(?:[0-9A-Fa-f][a-f]|[a-f][0-9A-F]).*)\z";

/// What a proxy refuses though the policies would admit it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Excess {
    /// Paths in other spellings, because some policy minds paths.
    Spellings,
    /// Requests with several values of a header of which policies want several, or whose lines others join.
    SeveralValues,
    /// Bytes of everyone whom this Deny's callers cannot be told from.
    Bytes(SourceRef),
    /// Requests by a header that cannot be compared: what this policy says of one is forgotten (Deny), or admits
    /// nothing (Allow).
    Header(SourceRef),
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
    if access.minds_paths() {
        excess.push(Excess::Spellings);
    }
    let enforced = policies.iter().filter(|policy| policy.mode == Mode::Enforce);
    let told = enforced.map(|policy| {
        if minds_untold(policy) {
            excess.push(Excess::Header(policy.source.clone()));
        }
        one(policy)
    });
    let told = told.collect();
    (told, excess)
}

/// The Allows in Audit, but for those that speak of requests: these are not told.
pub(crate) fn audits(access: &Access) -> impl Iterator<Item = &Policy> {
    let audits = access.policies.iter().filter(|of| of.mode == Mode::Audit && of.action == Action::Allow);
    audits.filter(|of| of.scope.is_none() && of.rules.iter().all(|rule| rule.requests.is_empty()))
}

/// These in every spelling of their paths that is compared at all.
pub(crate) fn spelled(scope: &[HttpMatch]) -> Vec<HttpMatch> {
    scope.iter().flat_map(spellings).map(|of| crate::matching::normal(&of)).collect()
}

fn spellings(of: &HttpMatch) -> Vec<HttpMatch> {
    let Some(path) = &of.path else { return vec![of.clone()] };
    let expressions = Expressions::default();
    let plain = path.spellings().into_iter().filter(|path| is_plain(path, &expressions));
    plain.map(|path| HttpMatch { path: Some(path), ..of.clone() }).collect()
}

fn one(policy: &Policy) -> Told<'_> {
    let Policy { source, action, mode: _, scope, rules } = policy;
    let covers = scope.as_deref().map(|scope| spelled(scope).iter().map(without_untold).collect());
    // Where the scope itself cannot be told, an Allow closes it and admits nothing there.
    let untold = *action == Action::Allow && scope.iter().flat_map(|of| of.iter()).any(has_untold);
    let rules = rules.iter().filter(|_| !untold).map(|rule| told_rule(rule, *action, scope.is_some()));
    Told { source, action: *action, covers, rules: rules.collect() }
}

fn told_rule(rule: &Rule, action: Action, is_scoped: bool) -> ToldRule<'_> {
    let Rule { index: _, from, requests } = rule;
    let all: Vec<HttpMatch> = requests.iter().flat_map(expanded).collect();
    let told = spelled(&all).into_iter().filter(|of| action == Action::Deny || !has_untold(of));
    let told: Vec<HttpMatch> = told.map(|of| without_untold(&of)).collect();
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
fn is_plain(path: &PathMatch, expressions: &Expressions) -> bool {
    let (PathMatch::Exact(path) | PathMatch::Prefix(path) | PathMatch::Regex(path)) = path;
    !expressions.matches(OTHER_SPELLINGS, path)
}

fn minds_untold(policy: &Policy) -> bool {
    let scopes = policy.scope.iter().flat_map(|scope| scope.iter());
    let requests = policy.rules.iter().flat_map(|rule| &rule.requests).flat_map(|of| &of.headers);
    scopes.flat_map(|of| &of.headers).chain(requests).any(is_untold)
}

fn has_untold(of: &HttpMatch) -> bool {
    of.headers.iter().any(is_untold)
}

fn without_untold(of: &HttpMatch) -> HttpMatch {
    let headers = of.headers.iter().filter(|header| !is_untold(header)).cloned().collect();
    HttpMatch { headers, ..of.clone() }
}

/// HTTP/2 has no header of the authority, and a proxy compares authorities without their port. Where others join the
/// lines of a header, a value with a separator may come as two, of which a proxy sees each alone.
fn is_untold(KeyMatch { name, value }: &KeyMatch) -> bool {
    let is_list = match value {
        ValueMatch::Exact(value) | ValueMatch::Prefix(value) => {
            is_one_value(name) && value.contains([',', ';'])
        }
        ValueMatch::Regex(_) | ValueMatch::Present => false,
    };
    is_list || name.eq_ignore_ascii_case("host") || name.as_str() == ":authority"
}

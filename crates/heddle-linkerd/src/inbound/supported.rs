//! Policies in the terms that a proxy knows.

use crate::matching::is_one_value;
use crate::pattern::CompiledExpressions;
use heddle_model::SourceRef;
use heddle_model::access::{Access, AccessEntry, Action, Governor, Mode, Peer, Policy, RequestMatch, Rule};
use heddle_model::http::{HttpMatch, KeyMatch, PathMatch, ValueMatch};
use heddle_model::matching::Expressions as _;

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

/// A refusal by a proxy of something that the policies would admit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Overreach {
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
pub(crate) struct SupportedPolicy<'a> {
    pub(crate) source: &'a SourceRef,
    pub(crate) action: Action,
    pub(crate) rules: Vec<SupportedRule<'a>>,
}

/// One rule: a caller and a request must match.
pub(crate) struct SupportedRule<'a> {
    /// Any of these; none is everyone.
    pub(crate) from: &'a [Peer],
    /// It speaks of requests, itself or because its policy is on a route.
    pub(crate) minds_requests: bool,
    /// Any of these; `None` is every request.
    pub(crate) requests: Option<Vec<HttpMatch>>,
}

/// The enforced policies of a port.
pub(crate) struct Policies<'a> {
    /// Those of the port.
    pub(crate) port: Vec<SupportedPolicy<'a>>,
    /// Those of each route that governs requests, by its place.
    governors: Vec<Vec<SupportedPolicy<'a>>>,
    /// The same where a proxy cannot tell its requests: its Allows admit nothing.
    blurred: Vec<Vec<SupportedPolicy<'a>>>,
    /// The requests and the routes that govern them, the first that matches first.
    pub(crate) entries: Vec<Entry<'a>>,
    /// The parts that cannot be expressed.
    pub(crate) excess: Vec<Overreach>,
}

/// Some requests that routes govern.
pub(crate) struct Entry<'a> {
    /// Any of these, in the spellings in which paths are compared. None: no such request is ever asked for.
    pub(crate) matchers: Vec<HttpMatch>,
    /// More than the requests, since a proxy cannot compare one of their headers: the routes' Allows admit nothing by it,
    /// and whoever governs them otherwise does so too.
    pub(crate) is_blurred: bool,
    /// The routes, by their places.
    pub(crate) governors: &'a [usize],
}

impl<'a> Policies<'a> {
    /// Those of the port with those of a route, as far as an entry tells its requests: together they must admit.
    pub(crate) fn of(&self, governor: usize, entry: &Entry) -> Vec<&SupportedPolicy<'a>> {
        let governors = if entry.is_blurred { &self.blurred } else { &self.governors };
        self.port.iter().chain(governors.get(governor).into_iter().flatten()).collect()
    }

    /// Those of the routes of an entry.
    pub(crate) fn of_routes(&self, entry: &Entry) -> impl Iterator<Item = &SupportedPolicy<'a>> {
        entry.governors.iter().filter_map(|governor| self.governors.get(*governor)).flatten()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<&SupportedPolicy<'a>> {
        self.port.iter().chain(self.governors.iter().flatten()).collect()
    }
}

/// The enforced policies, and what cannot be told.
pub(crate) fn policies(access: &Access) -> Policies<'_> {
    let Access { posture: _, posture_source: _, policies, routes } = access;
    let mut excess = Vec::new();
    if access.minds_paths() {
        excess.push(Overreach::Spellings);
    }
    let untold = enforced(access.all_policies()).filter(|policy| minds_untold(policy));
    excess.extend(untold.map(|policy| Overreach::Header(policy.source.clone())));
    let port = enforced(policies.iter()).map(|policy| one(policy, false)).collect();
    let routes = routes.as_deref();
    let all = routes.map_or(&[][..], |routes| &routes.governors);
    let governors: Vec<Vec<SupportedPolicy>> = all.iter().map(of_route).collect();
    let blurred = all.iter().map(of_route).map(|policies| policies.into_iter().map(without_rules).collect());
    let written = routes.map_or(&[][..], |routes| &routes.entries);
    let hidden = written.iter().filter(|entry| has_untold(&entry.matcher));
    let hidden = hidden.flat_map(|entry| &entry.governors).flat_map(|place| &governors[*place]);
    excess.extend(hidden.map(|policy| Overreach::Header(policy.source.clone())));
    let entries = written.iter().map(entry).collect();
    Policies { port, blurred: blurred.collect(), governors, entries, excess }
}

fn of_route(governor: &Governor) -> Vec<SupportedPolicy<'_>> {
    enforced(governor.policies.iter()).map(|policy| one(policy, true)).collect()
}

fn without_rules(policy: SupportedPolicy<'_>) -> SupportedPolicy<'_> {
    match policy.action {
        Action::Allow => SupportedPolicy { rules: Vec::new(), ..policy },
        Action::Deny => policy,
    }
}

fn entry(AccessEntry { matcher, governors, audits: _ }: &AccessEntry) -> Entry<'_> {
    let tellable = without_untold(matcher);
    Entry { matchers: spelled(std::slice::from_ref(&tellable)), is_blurred: has_untold(matcher), governors }
}

fn enforced<'a>(policies: impl Iterator<Item = &'a Policy>) -> impl Iterator<Item = &'a Policy> {
    policies.filter(|policy| policy.mode == Mode::Enforce)
}

/// The Allows in Audit, but for those that speak of requests: these are not told.
pub(crate) fn audits(access: &Access) -> impl Iterator<Item = &Policy> {
    let audits =
        access.policies.iter().filter(|policy| policy.mode == Mode::Audit && policy.action == Action::Allow);
    audits.filter(|audit| audit.rules.iter().all(|rule| rule.requests.is_empty()))
}

/// These in every spelling of their paths that is compared at all.
pub(crate) fn spelled(scope: &[HttpMatch]) -> Vec<HttpMatch> {
    scope.iter().flat_map(spellings).map(|spelling| spelling.normal()).collect()
}

fn spellings(matcher: &HttpMatch) -> Vec<HttpMatch> {
    let Some(path) = &matcher.path else { return vec![matcher.clone()] };
    let expressions = CompiledExpressions::default();
    let plain = path.spellings().into_iter().filter(|path| is_plain(path, &expressions));
    plain.map(|path| HttpMatch { path: Some(path), ..matcher.clone() }).collect()
}

fn one(policy: &Policy, of_route: bool) -> SupportedPolicy<'_> {
    let Policy { source, action, mode: _, rules } = policy;
    let rules = rules.iter().map(|rule| told_rule(rule, *action, of_route));
    SupportedPolicy { source, action: *action, rules: rules.collect() }
}

fn told_rule(rule: &Rule, action: Action, of_route: bool) -> SupportedRule<'_> {
    let Rule { index: _, from, requests } = rule;
    let all: Vec<HttpMatch> = requests.iter().flat_map(expanded).collect();
    let tellable = spelled(&all).into_iter().filter(|spelled| action == Action::Deny || !has_untold(spelled));
    let tellable: Vec<HttpMatch> = tellable.map(|tellable| without_untold(&tellable)).collect();
    let minds_requests = of_route || !requests.is_empty();
    SupportedRule { from, minds_requests, requests: (!requests.is_empty()).then_some(tellable) }
}

/// One match for each method and path.
fn expanded(request: &RequestMatch) -> Vec<HttpMatch> {
    let RequestMatch { methods, paths, headers } = request;
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

/// Returns whether a path can be compared at all: one that is spelled otherwise is never asked for.
fn is_plain(path: &PathMatch, expressions: &CompiledExpressions) -> bool {
    let (PathMatch::Exact(path) | PathMatch::Prefix(path) | PathMatch::Regex(path)) = path;
    !expressions.matches(OTHER_SPELLINGS, path)
}

fn minds_untold(policy: &Policy) -> bool {
    policy.rules.iter().flat_map(|rule| &rule.requests).flat_map(|request| &request.headers).any(is_untold)
}

fn has_untold(matcher: &HttpMatch) -> bool {
    matcher.headers.iter().any(is_untold)
}

fn without_untold(matcher: &HttpMatch) -> HttpMatch {
    let headers = matcher.headers.iter().filter(|header| !is_untold(header)).cloned().collect();
    HttpMatch { headers, ..matcher.clone() }
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

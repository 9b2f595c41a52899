//! Access: rules, and the rules that hold at one port.

use crate::http::{HttpMatch, KeyMatch, PathMatch};
use crate::{Identity, Name, SourceRef};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The effect of a rule on what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Admits.
    Allow,
    /// Refuses, whatever any Allow says.
    Deny,
}

/// The choice between deciding and only watching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// It decides.
    Enforce,
    /// It is only counted and logged (Envoy shadow rules).
    Audit,
}

/// The rule of a port for callers that no policy speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Posture {
    /// Admits everyone.
    Allow,
    /// Admits callers with an identity of this mesh.
    Authenticated,
    /// Admits nobody.
    Deny,
}

/// One rule: it matches when a peer and a request do. Empty lists match everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Its place in `spec.rules`, from 0: rules before it may have been unreadable, and are not here.
    pub index: usize,
    /// Any of these. Empty: everyone, authenticated or not.
    pub from: Vec<Peer>,
    /// Any of these. Empty: every request and every TCP connection.
    pub requests: Vec<RequestMatch>,
}

/// A set of callers: a principal (if any is listed) from a network (if any is listed).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Any of these. Empty: anyone. Shared by all rules that name one set of callers.
    pub principals: Arc<BTreeSet<Principal>>,
    /// Any of these. Empty: from anywhere.
    pub networks: Arc<[Network]>,
}

impl Peer {
    /// Returns the callers that are any of the principals, from any of the networks.
    pub fn new(
        principals: impl IntoIterator<Item = Principal>,
        networks: impl IntoIterator<Item = Network>,
    ) -> Self {
        Self {
            principals: Arc::new(principals.into_iter().collect()),
            networks: networks.into_iter().collect(),
        }
    }
}

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// Whoever has an identity of this mesh.
    Any,
    /// Every ServiceAccount of a namespace, of this mesh's trust domain.
    Namespace(Name),
    /// One ServiceAccount, of this mesh's trust domain.
    Account(Identity),
    /// A SPIFFE ID as written, of any trust domain.
    Spiffe(Name),
}

/// A network with holes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    /// The addresses of the connection's peer that match.
    pub cidr: IpNet,
    /// Those of them that do not.
    pub except: Vec<IpNet>,
}

/// A set of requests. Empty lists match everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestMatch {
    /// Any of these, in upper case.
    pub methods: BTreeSet<Name>,
    /// Any of these, canonical ([`PathMatch::canonical`]); never [`PathMatch::Regex`].
    pub paths: BTreeSet<PathMatch>,
    /// All of these; never a regular expression.
    pub headers: Vec<KeyMatch>,
}

/// One policy as it holds at one workload's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The object in which it was written.
    pub source: SourceRef,
    /// Its action.
    pub action: Action,
    /// Its mode.
    pub mode: Mode,
    /// The rules, in the order written. An Allow without rules admits nothing.
    pub rules: Arc<[Rule]>,
}

/// Everything that decides who may call one port.
///
/// A request is governed by the policies of the port and, where policies on routes hold there, by those of the first
/// entry that matches it ([`RouteAccess`]). In order: an enforced Deny that matches refuses. Else an enforced Allow
/// that matches admits. Else, where there is an enforced Allow, the request is refused. Else the posture decides. An
/// entry with several governors admits what is admitted under each of them.
///
/// Bytes are no request of any route, and may be one of every route: every Deny holds for them, and every Allow on a
/// route covers them without admitting any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The rule that holds where no Allow covers.
    pub posture: Posture,
    /// The object that states the posture: a Namespace or the Mesh.
    pub posture_source: Option<SourceRef>,
    /// The policies of the whole port, ordered by source.
    pub policies: Vec<Policy>,
    /// The policies on routes; `None` where none holds.
    pub routes: Option<Arc<RouteAccess>>,
}

/// The policies on routes that hold at one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteAccess {
    /// The routes whose policies hold, each once.
    pub governors: Vec<Governor>,
    /// The requests that they govern, in Gateway API precedence: a request belongs to the first entry that matches it.
    pub entries: Vec<AccessEntry>,
    /// The fate of a request that no entry matches.
    pub unmatched: Unmatched,
}

/// A route whose policies govern requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Governor {
    /// The route; `None` stands for the policies of the port alone.
    pub route: Option<SourceRef>,
    /// The server's ability to tell the route's requests from those of others.
    pub sight: Sight,
    /// Its policies, ordered by source.
    pub policies: Vec<Policy>,
}

/// The ability of a server to tell the requests of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// It can.
    Clear,
    /// It sees only that they may be among these: the route's Allows have no rules here.
    Blurred,
}

/// Some requests and the routes whose policies govern them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessEntry {
    /// The requests. Never has a query or a regular expression, which no server's rules know.
    pub matcher: HttpMatch,
    /// Places in [`RouteAccess::governors`], in order. There are several where requests of several routes look alike to
    /// the server: each of them must admit. None leaves the requests to the policies of the port.
    pub governors: Vec<usize>,
    /// Places of routes that win these requests and whose policies are all in Audit: they take nothing from the
    /// governors.
    pub audits: Vec<usize>,
}

/// The fate of a request that no entry matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unmatched {
    /// The policies of the port decide.
    ByPort,
    /// It is refused before anything else is asked, and so are bytes (routes at a Linkerd Server).
    Refused,
}

impl Access {
    /// Returns whether what decides looks at anything of a request but who sends it.
    pub fn minds_requests(&self) -> bool {
        let mut enforced = self.policies.iter().filter(|policy| policy.mode == Mode::Enforce);
        let says = |policy: &Policy| policy.rules.iter().any(|rule| !rule.requests.is_empty());
        self.routes.is_some() || enforced.any(says)
    }

    /// Returns every policy that holds for some request: those of the port, then those on routes.
    pub fn all_policies(&self) -> impl Iterator<Item = &Policy> {
        let governors = self.routes.iter().flat_map(|routes| &routes.governors);
        self.policies.iter().chain(governors.flat_map(|governor| &governor.policies))
    }

    /// Returns whether requests that no route matches are refused, and bytes.
    pub fn refuses_unmatched(&self) -> bool {
        self.routes.as_ref().is_some_and(|routes| routes.unmatched == Unmatched::Refused)
    }

    /// Returns whether what decides looks at paths: only then the server's proxy resolves dots, double slashes and escaped
    /// slashes, for the policy and for the application alike.
    pub fn minds_paths(&self) -> bool {
        self.paths().next().is_some()
    }

    /// Returns whether what decides compares escapes whose case can vary: only then the server's proxy refuses requests
    /// with lower-case escapes, since it compares escapes as they came.
    pub fn minds_case(&self) -> bool {
        self.paths().any(PathMatch::minds_case)
    }

    /// The conditions on paths of what decides.
    fn paths(&self) -> impl Iterator<Item = &PathMatch> {
        let enforced = self.all_policies().filter(|policy| policy.mode == Mode::Enforce);
        let requests = enforced.flat_map(|policy| policy.rules.iter()).flat_map(|rule| &rule.requests);
        let of_routes = self.routes.iter().flat_map(|routes| routes.paths());
        of_routes.chain(requests.flat_map(|request| &request.paths))
    }
}

impl RouteAccess {
    /// Returns whether a policy is among those of some governor.
    pub fn holds(&self, policy: &SourceRef) -> bool {
        self.governors.iter().flat_map(|governor| &governor.policies).any(|held| held.source == *policy)
    }

    /// Returns the governors at these places.
    pub fn at<'a>(&'a self, places: &'a [usize]) -> impl Iterator<Item = &'a Governor> {
        places.iter().filter_map(|place| self.governors.get(*place))
    }

    /// Returns the conditions on paths of the entries whose policies decide. Policies in Audit decide nothing.
    fn paths(&self) -> impl Iterator<Item = &PathMatch> {
        let decides =
            |governor: &Governor| governor.policies.iter().any(|policy| policy.mode == Mode::Enforce);
        let enforced = move |entry: &&AccessEntry| match self.unmatched {
            Unmatched::ByPort => self.at(&entry.governors).any(decides),
            Unmatched::Refused => true,
        };
        self.entries.iter().filter(enforced).filter_map(|entry| entry.matcher.path.as_ref())
    }
}

/// The number of requests that one port takes (Linkerd's `HTTPLocalRateLimitPolicy`), each proxy counting for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The object in which it was written.
    pub source: SourceRef,
    /// Of all clients together, per second.
    pub total: Option<u32>,
    /// Of each client identity that no override names, per second.
    pub identity: Option<u32>,
    /// Of each of these identities, per second.
    pub overrides: Vec<(BTreeSet<Identity>, u32)>,
}

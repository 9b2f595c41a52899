//! Who may call: rules, and the rules that hold at one port.

use crate::http::{HttpMatch, KeyMatch, PathMatch};
use crate::{Identity, Name, SourceRef};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a rule does to what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Admits.
    Allow,
    /// Refuses, whatever any Allow says.
    Deny,
}

/// Whether a policy has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// It decides.
    Enforce,
    /// It is only counted and logged (Envoy shadow rules).
    Audit,
}

/// What a port does with callers that no policy speaks of.
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
    /// Where it was written.
    pub source: SourceRef,
    /// What it does.
    pub action: Action,
    /// Whether it decides.
    pub mode: Mode,
    /// The requests that it covers: `None` for all of the port, else those that any of these matches (a
    /// policy that targets a route), their paths canonical. Never has a query or a regular expression, which no server's rules know: of
    /// a match that has one, a Deny covers all that the rest of the match does, and an Allow is here a second
    /// time, without rules, with the rest of the match as its scope: it closes that and admits nothing by it.
    pub scope: Option<Arc<[HttpMatch]>>,
    /// The rules, in the order written. An Allow without rules admits nothing.
    pub rules: Arc<[Rule]>,
}

/// Everything that decides who may call one port.
///
/// In order: an enforced Deny that matches refuses. Else an enforced Allow that matches admits. Else, where
/// an enforced Allow covers the request (its `scope`), it is refused. Else the posture decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// What holds where no Allow covers.
    pub posture: Posture,
    /// Who said so: a Namespace or the Mesh.
    pub posture_source: Option<SourceRef>,
    /// The policies, ordered by source.
    pub policies: Vec<Policy>,
    /// Where routes are attached to a Linkerd Server: a request that none of these matches is refused, before
    /// anything else is asked, and so are bytes, of which nobody can say. `None` where no route is. Never has a
    /// query or a regular expression; paths are canonical.
    pub routed: Option<Arc<[HttpMatch]>>,
}

impl Access {
    /// Whether what decides looks at anything of a request but who sends it.
    pub fn minds_requests(&self) -> bool {
        let mut enforced = self.policies.iter().filter(|policy| policy.mode == Mode::Enforce);
        let says = |policy: &Policy| {
            policy.scope.is_some() || policy.rules.iter().any(|rule| !rule.requests.is_empty())
        };
        self.routed.is_some() || enforced.any(says)
    }

    /// Whether what decides looks at paths: only then the server's proxy resolves dots, double slashes and escaped
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
        let enforced = || self.policies.iter().filter(|policy| policy.mode == Mode::Enforce);
        let scopes = enforced().filter_map(|policy| policy.scope.as_deref()).chain(self.routed.as_deref());
        let requests = enforced().flat_map(|policy| policy.rules.iter()).flat_map(|rule| &rule.requests);
        let of_routes = scopes.flatten().filter_map(|matcher| matcher.path.as_ref());
        of_routes.chain(requests.flat_map(|request| &request.paths))
    }
}

/// How many requests one port takes (Linkerd's `HTTPLocalRateLimitPolicy`), each proxy counting for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Where it was written.
    pub source: SourceRef,
    /// Of all clients together, per second.
    pub total: Option<u32>,
    /// Of each client identity that no override names, per second.
    pub identity: Option<u32>,
    /// Of each of these identities, per second.
    pub overrides: Vec<(BTreeSet<Identity>, u32)>,
}

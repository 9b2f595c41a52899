//! One Server with everything that opens, closes and limits it: the same for every workload that it selects.

use crate::access::authorization;
use crate::access::default_policy;
use crate::access::governing::{self, Claim, Governors, Hold, Otherwise};
use crate::access::rate_limit;
use crate::access::route_access::too_many;
use crate::routes::attachment::{Attachment, Served};
use crate::routes::precedence::rank;
use crate::routes::tellable::tellable;
use crate::status::findings::Finding;
use crate::tables::Tables;
use heddle_model::access::{Governor, Mode, Peer, Policy, Posture, RateLimit, RouteAccess, Sight, Unmatched};
use heddle_model::server::{DefaultPolicy, Opens, Server};
use heddle_model::{Diagnostic, Kind, SourceRef};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most principals and networks of all policies at one Server: each proxy behind it is sent them all.
const CALLERS: usize = 16_384;

/// A Server, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) posture: Posture,
    /// Ordered by source.
    pub(crate) policies: Vec<Policy>,
    /// Its routes and whom their authorizations admit, if it has any.
    pub(crate) routes: Option<Arc<RouteAccess>>,
    pub(crate) rate_limit: Option<Arc<RateLimit>>,
    pub(crate) finding: Finding,
}

/// The input from which Servers are resolved.
pub(crate) struct View<'a> {
    pub(crate) tables: &'a Tables,
    /// The networks for policies that speak of the cluster.
    pub(crate) cidrs: &'a [IpNet],
    pub(crate) attachments: &'a BTreeMap<SourceRef, Attachment>,
    pub(crate) authorizations: &'a BTreeMap<SourceRef, authorization::Resolved>,
}

impl<'a> View<'a> {
    /// Resolves a Server. `None` for one that is not there or cannot be read.
    pub(crate) fn resolve(&self, source: &SourceRef) -> Option<Resolved> {
        let server = self.tables.server(source)?;
        let mut finding = Finding::default();
        finding.diagnostics.extend(default_policy::fault(server.default_policy, self.cidrs, source));
        let routes = self.routes(source);
        let mode = mode(server.default_policy);
        let authorized = |route| mode.map_or_else(Vec::new, |mode| self.authorized(route, mode));
        let mut on_routes: Vec<_> = routes.iter().map(|(route, _, _)| authorized(*route)).collect();
        let mut policies = mode.map_or_else(Vec::new, |mode| self.opening(source, server, mode));
        if mode.is_some() && (!policies.is_empty() || on_routes.iter().any(|all| !all.is_empty())) {
            policies.extend(default_policy::explicit_allow(server.default_policy, source));
        }
        policies.extend(default_policy::implied_allow(server.default_policy, self.cidrs, source));
        policies.sort_by(|a, b| a.source.cmp(&b.source));
        let all = || policies.iter().chain(on_routes.iter().flatten());
        let count = callers(all());
        if count > CALLERS {
            finding.diagnostics.extend(all().map(|policy| too_many_callers(&policy.source, source, count)));
            policies = vec![default_policy::closed(source)];
            on_routes.iter_mut().for_each(Vec::clear);
        }
        Some(Resolved {
            posture: default_policy::posture(server.default_policy),
            policies,
            routes: (!routes.is_empty()).then(|| Arc::new(table(&routes, &on_routes, &mut finding))),
            rate_limit: rate_limit::resolve(self.tables, source).map(Arc::new),
            finding,
        })
    }

    /// The routes that are attached to a Server, whether or not it takes them.
    fn routes(&self, server: &SourceRef) -> Vec<(&'a SourceRef, &'a Attachment, Served)> {
        let named = self.tables.at_server.of(server).iter();
        named
            .filter_map(|route| {
                let attachment = self.attachments.get(route)?;
                Some((route, attachment, *attachment.servers.get(server)?))
            })
            .collect()
    }

    /// Returns what opens the requests of a route.
    fn authorized(&self, route: &SourceRef, mode: Mode) -> Vec<Policy> {
        let all = self.tables.authorizations.of(route).iter().filter_map(|authorization| {
            let resolved = self.authorizations.get(authorization)?;
            Some(default_policy::allow(authorization, mode, resolved.rules.clone()))
        });
        all.collect()
    }

    /// Returns what opens all of the port: what names the Server, and what selects it by its labels.
    fn opening(&self, source: &SourceRef, server: &Server, mode: Mode) -> Vec<Policy> {
        let namespace = SourceRef::new(Kind::Namespace, "", source.namespace.clone());
        let by_labels = self.tables.authorizations.of(&namespace).iter();
        let named = self.tables.authorizations.of(source).iter().chain(by_labels);
        let opening = named.filter_map(|authorization| {
            let resolved = self.authorizations.get(authorization)?;
            let opens = match &resolved.opens {
                Opens::Server(_) => true,
                Opens::Servers(selector) => selector.selects(&server.labels),
                Opens::Route(_) => false,
            };
            opens.then(|| default_policy::allow(authorization, mode, resolved.rules.clone()))
        });
        opening.collect()
    }
}

/// Counts the principals and networks that policies name, a set as often as policies name it.
fn callers<'a>(policies: impl Iterator<Item = &'a Policy>) -> usize {
    let peers = policies.flat_map(|policy| policy.rules.iter()).flat_map(|rule| &rule.from);
    peers.map(|Peer { principals, networks }| principals.len() + networks.len()).sum()
}

fn too_many_callers(object: &SourceRef, server: &SourceRef, count: usize) -> Diagnostic {
    Diagnostic {
        object: object.clone(),
        field: "spec".into(),
        reason: "TooManyCallers",
        message: format!(
            "what opens {server} names {count} identities and networks together, at most {CALLERS} are taken: it admits \
             nobody; require one authentication in fewer authorizations, or identities by namespace"
        ),
    }
}

/// Returns whether authorizations decide. `None` where everyone may pass: nothing needs to open the port, and an Allow would
/// close it to others.
fn mode(default_policy: DefaultPolicy) -> Option<Mode> {
    match default_policy {
        DefaultPolicy::All => None,
        DefaultPolicy::Audit => Some(Mode::Audit),
        DefaultPolicy::AllAuthenticated
        | DefaultPolicy::Cluster
        | DefaultPolicy::ClusterAuthenticated
        | DefaultPolicy::Deny => Some(Mode::Enforce),
    }
}

/// The table of a Server's routes: a request belongs to the first that matches it, is open to whom that one's
/// authorizations admit, and is refused if there is none.
///
/// What a route would win that no server can tell, or that a Server does not take, cannot be told from requests of
/// routes that it beats: those are closed to the authorizations of the latter there.
fn table(
    routes: &[(&SourceRef, &Attachment, Served)],
    authorized: &[Vec<Policy>],
    finding: &mut Finding,
) -> RouteAccess {
    let (mut governors, mut claims) = (Governors::default(), Vec::new());
    note_blurred(routes, authorized, finding);
    for ((route, attachment, served), policies) in routes.iter().zip(authorized) {
        let governor = |sight| Governor { route: Some((*route).clone()), sight, policies: policies.clone() };
        for (index, rule) in attachment.rules.iter().enumerate() {
            let taken = *served == Served::Accepted && !rule.broken;
            for (place, matcher) in rule.matches.iter().enumerate() {
                let rank = Some(rank(matcher, attachment.created, route, [index, place]));
                let (told, untold) = tellable(matcher);
                let (governor, hold) = match taken && untold.is_none() {
                    true => (governor(Sight::Clear), Hold::Owns),
                    false => (refused(route, policies), Hold::Shares(Otherwise::Unclaimed)),
                };
                let governor = governors.place(governor);
                claims.push(Claim { rank, matcher: told, governor, hold });
            }
        }
    }
    let entries = governing::ordered(claims, &mut governors);
    if let Err(number) = entries {
        let all = authorized.iter().flatten();
        finding.diagnostics.extend(all.map(|policy| too_many(policy, number)));
    }
    governing::access(entries, governors, Unmatched::Refused)
}

/// Tells authorizations of a route that others, which no server can tell, win some of its requests.
fn note_blurred(
    routes: &[(&SourceRef, &Attachment, Served)],
    authorized: &[Vec<Policy>],
    finding: &mut Finding,
) {
    let mut matches = Vec::new();
    for (place, (route, attachment, served)) in routes.iter().enumerate() {
        for (index, rule) in attachment.rules.iter().enumerate() {
            let taken = *served == Served::Accepted && !rule.broken;
            matches.extend(rule.matches.iter().enumerate().map(|(number, matcher)| {
                let (told, untold) = tellable(matcher);
                let rank = rank(matcher, attachment.created, route, [index, number]);
                (rank, place, taken && untold.is_none(), told)
            }));
        }
    }
    for (better, winning, _, blurred) in matches.iter().filter(|(_, _, clear, _)| !clear) {
        let beaten = matches.iter().filter(|(rank, place, clear, matcher)| {
            *clear && place != winning && rank > better && blurred.may_meet(matcher)
        });
        let beaten: BTreeSet<usize> = beaten.map(|(_, place, _, _)| *place).collect();
        for place in beaten {
            finding.diagnostics.extend(authorized[place].iter().map(|policy| Diagnostic {
                object: policy.source.clone(),
                field: "spec.targetRef".into(),
                reason: "UnsupportedValue",
                message: format!(
                    "{} wins some requests of a match of {}, which no server can tell from the others: that match is opened to nobody there",
                    routes[*winning].0, routes[place].0
                ),
            }));
        }
    }
}

/// Requests that a Server does not take.
fn refused(route: &SourceRef, policies: &[Policy]) -> Governor {
    let plain = Governor { route: Some(route.clone()), sight: Sight::Clear, policies: policies.to_vec() };
    governing::blurred(&plain)
}

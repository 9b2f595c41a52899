//! One Server with everything that opens, closes and limits it: the same for every workload that it selects.

use crate::attachment::{Attachment, Served};
use crate::findings::Finding;
use crate::overlap::overlap;
use crate::policy::tellable;
use crate::precedence::{Rank, rank};
use crate::tables::Tables;
use crate::{authorization, rate_limit, stance};
use heddle_model::access::{Mode, Peer, Policy, Posture, RateLimit};
use heddle_model::http::HttpMatch;
use heddle_model::server::{Opens, Server, Stance};
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
    /// What its routes match, if it has any.
    pub(crate) routed: Option<Arc<[HttpMatch]>>,
    pub(crate) rate_limit: Option<Arc<RateLimit>>,
    pub(crate) finding: Finding,
}

/// What a Server is told from.
pub(crate) struct View<'a> {
    pub(crate) tables: &'a Tables,
    /// The networks for policies that speak of the cluster.
    pub(crate) cidrs: &'a [IpNet],
    pub(crate) attachments: &'a BTreeMap<SourceRef, Attachment>,
    pub(crate) authorizations: &'a BTreeMap<SourceRef, authorization::Resolved>,
}

/// One match of one route at the Server.
struct Match<'a> {
    route: &'a SourceRef,
    rank: Rank,
    /// What a server can tell of it, its path canonical.
    matcher: HttpMatch,
    /// A server can tell it, and its rule can be honoured.
    served: bool,
}

impl<'a> View<'a> {
    /// Resolves a Server. `None` for one that is not there or cannot be read.
    pub(crate) fn resolve(&self, source: &SourceRef) -> Option<Resolved> {
        let server = self.tables.server(source)?;
        let mut finding = Finding::default();
        finding.diagnostics.extend(stance::fault(server.stance, self.cidrs, source));
        let routes = self.routes(source);
        let matches = self.matches(&routes);
        let routed = (!routes.is_empty()).then(|| {
            let served = matches.iter().filter(|found| found.served);
            let all: BTreeSet<_> = served.map(|found| found.matcher.clone()).collect();
            all.into_iter().collect()
        });
        Some(Resolved {
            posture: stance::posture(server.stance),
            policies: self.policies(source, server, &matches, &mut finding),
            routed,
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

    fn matches(&self, routes: &[(&'a SourceRef, &'a Attachment, Served)]) -> Vec<Match<'a>> {
        let mut found = Vec::new();
        for (route, attachment, served) in routes {
            for (index, rule) in attachment.rules.iter().enumerate() {
                let whole = *served == Served::Accepted && !rule.broken;
                found.extend(rule.matches.iter().enumerate().map(|(place, matcher)| {
                    let (told, untold) = tellable(matcher);
                    let rank = rank(matcher, attachment.created, route, [index, place]);
                    Match { route, rank, matcher: told, served: whole && untold.is_none() }
                }));
            }
        }
        found
    }

    /// Everything that opens the port. Where everyone may pass, nothing needs to, and nothing is said: an Allow
    /// beside would close the port to others.
    fn policies(
        &self,
        source: &SourceRef,
        server: &Server,
        matches: &[Match<'_>],
        finding: &mut Finding,
    ) -> Vec<Policy> {
        let mode = match server.stance {
            Stance::All => return Vec::new(),
            Stance::Audit => Mode::Audit,
            Stance::AllAuthenticated | Stance::Cluster | Stance::ClusterAuthenticated | Stance::Deny => {
                Mode::Enforce
            }
        };
        let mut policies: Vec<Policy> = self.opening(source, server, mode);
        let routes: BTreeSet<_> = matches.iter().map(|found| found.route).collect();
        for route in routes {
            for authorization in self.tables.authorizations.of(route) {
                let Some(resolved) = self.authorizations.get(authorization) else { continue };
                let plain = stance::allow(authorization, mode, resolved.rules.clone());
                policies.extend(scoped(&plain, route, matches, finding));
            }
        }
        if !policies.is_empty() {
            policies.extend(stance::spelled_out(server.stance, source));
        }
        policies.extend(stance::beside(server.stance, self.cidrs, source));
        policies.sort_by(|a, b| a.source.cmp(&b.source));
        match callers(&policies) {
            0..=CALLERS => policies,
            count => {
                finding
                    .diagnostics
                    .extend(policies.iter().map(|policy| too_many(&policy.source, source, count)));
                vec![stance::closed(source)]
            }
        }
    }

    /// What opens all of the port: what names the Server, and what selects it by its labels.
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
            opens.then(|| stance::allow(authorization, mode, resolved.rules.clone()))
        });
        opening.collect()
    }
}

/// Counts the principals and networks that policies name, a set as often as policies name it.
fn callers(policies: &[Policy]) -> usize {
    let peers = policies.iter().flat_map(|policy| policy.rules.iter()).flat_map(|rule| &rule.from);
    peers.map(|Peer { principals, networks }| principals.len() + networks.len()).sum()
}

fn too_many(object: &SourceRef, server: &SourceRef, count: usize) -> Diagnostic {
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

/// What an authorization of a route says: it opens the requests that the route wins.
///
/// A request belongs to its best match alone. Where another route wins some of what a match matches, a server's
/// rules cannot tell the rest from it: the match is closed then, and opened to nobody by it.
fn scoped(plain: &Policy, route: &SourceRef, matches: &[Match<'_>], finding: &mut Finding) -> Vec<Policy> {
    let (mut opened, mut closed) = (BTreeSet::new(), BTreeSet::new());
    for own in matches.iter().filter(|found| found.served && found.route == route) {
        let better = matches.iter().find(|other| {
            other.route != route && other.rank < own.rank && overlap(&other.matcher, &own.matcher)
        });
        let Some(better) = better else {
            opened.insert(own.matcher.clone());
            continue;
        };
        closed.insert(own.matcher.clone());
        finding.diagnostics.insert(Diagnostic {
            object: plain.source.clone(),
            field: "spec.targetRef".into(),
            reason: "UnsupportedValue",
            message: format!(
                "{} wins some requests of a match of {route}, which no server can tell from the others: that match is opened to nobody",
                better.route
            ),
        });
    }
    let scope = |all: BTreeSet<HttpMatch>| Some(all.into_iter().collect());
    let mut policies = Vec::new();
    if !opened.is_empty() {
        policies.push(Policy { scope: scope(opened), ..plain.clone() });
    }
    if !closed.is_empty() {
        policies.push(Policy { scope: scope(closed), rules: Arc::new([]), ..plain.clone() });
    }
    policies
}

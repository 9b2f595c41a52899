//! The policies on routes that hold at the ports behind some Service ports.
//!
//! All routes of the namespace that lead there form one table in Gateway API precedence, whichever Service they are
//! attached to, and a request belongs to the first route with policies that matches it. A route without policies of its
//! own is passed over, so that its requests are governed by those of the route that would win without it.
//!
//! What a server sees comes after the filters of routes. Where these change a header by which policies tell requests,
//! the route governs what its requests look like then, beside whichever route such requests belong to.

use crate::access::governing::{self, Claim, Governors, Hold, Otherwise, blurred};
use crate::access::policy;
use crate::multimap::Multimap;
use crate::routes::attachment::{Attachment, Rule, backends};
use crate::routes::image::{Image, canonical, image, touches};
use crate::routes::precedence::{Rank, rank};
use crate::routes::tellable::tellable;
use crate::status::findings::Finding;
use crate::tables::Tables;
use heddle_model::access::{Action, Governor, Mode, Policy, RouteAccess, Sight, Unmatched};
use heddle_model::http::{Filters, HttpMatch};
use heddle_model::matching::NoExpressions;
use heddle_model::route::Backend;
use heddle_model::snapshot::RouteKey;
use heddle_model::{Diagnostic, Name, ServicePortKey, SourceRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most pairs of matches that are compared for one table.
const MOST_PAIRS: usize = 1 << 18;

/// The policies on routes at a port, and what their authors should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) access: Arc<RouteAccess>,
    pub(crate) finding: Finding,
}

/// The input from which tables are resolved.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) attachments: &'a BTreeMap<SourceRef, Attachment>,
    pub(crate) attached: &'a Multimap<RouteKey, SourceRef>,
    pub(crate) policies: &'a BTreeMap<SourceRef, policy::Resolved>,
}

/// A route of the table.
struct Route<'a> {
    source: &'a SourceRef,
    attachment: &'a Attachment,
    /// Its Services of the namespace.
    parents: BTreeSet<&'a ServicePortKey>,
    /// Some of its requests go to the port, or would without it.
    leads: bool,
    /// Its policies.
    policies: Vec<Policy>,
    enforced: bool,
}

/// One match of a route.
struct Entry<'a> {
    route: usize,
    index: usize,
    rule: &'a Rule,
    rank: Rank,
    matcher: HttpMatch,
    /// The matcher is all of what the route matches.
    whole: bool,
}

/// The changes that one backend makes to a rule's requests.
type Way<'a> = Vec<&'a Filters>;

impl<'a> View<'a> {
    /// Resolves the table of the ports behind these Service ports of a namespace. `None` where no policy targets a route
    /// that leads there, or whose requests another route takes there.
    pub(crate) fn resolve(&self, namespace: &Name, behind: &BTreeSet<ServicePortKey>) -> Option<Found> {
        let routes = self.routes(namespace, behind);
        if routes.iter().all(|route| route.policies.is_empty()) {
            return None;
        }
        let mut table = Table::new(behind, &routes);
        table.claim();
        let (access, finding) = table.finish();
        (!access.entries.is_empty()).then(|| Found { access: Arc::new(access), finding })
    }

    /// The routes of every Service of the namespace from which requests get to the port.
    fn routes(&self, namespace: &Name, behind: &BTreeSet<ServicePortKey>) -> Vec<Route<'a>> {
        let own = |port: &&ServicePortKey| port.service.namespace == *namespace;
        let table = |port: &ServicePortKey| RouteKey { port: port.clone(), consumer: None };
        let mut parents: BTreeSet<&ServicePortKey> = behind.iter().filter(own).collect();
        let services: BTreeSet<_> = behind.iter().map(|port| &port.service).collect();
        for route in services.iter().flat_map(|service| self.tables.routes.of(*service)) {
            let Some(attachment) = self.attachments.get(route).filter(|_| route.namespace == *namespace)
            else {
                continue;
            };
            if backends(attachment).any(|backend| behind.contains(backend)) {
                parents.extend(attachment.ports.iter().filter(own));
            }
        }
        let attached = parents.iter().flat_map(|port| self.attached.of(&table(port)));
        let attached: BTreeSet<&SourceRef> = attached.collect();
        attached.into_iter().filter_map(|source| self.route(source, &parents, behind)).collect()
    }

    fn route(
        &self,
        source: &'a SourceRef,
        parents: &BTreeSet<&ServicePortKey>,
        behind: &BTreeSet<ServicePortKey>,
    ) -> Option<Route<'a>> {
        let attachment = self.attachments.get(source)?;
        let policies = policies(self.tables, self.policies, source);
        Some(Route {
            source,
            attachment,
            parents: attachment.ports.iter().filter(|port| parents.contains(port)).collect(),
            leads: attachment.ports.iter().chain(backends(attachment)).any(|port| behind.contains(port)),
            enforced: policies.iter().any(|policy| policy.mode == Mode::Enforce),
            policies,
        })
    }
}

/// Returns the AccessPolicies that target a route, ordered by source.
fn policies(
    tables: &Tables,
    resolved: &BTreeMap<SourceRef, policy::Resolved>,
    route: &SourceRef,
) -> Vec<Policy> {
    let targeting = tables.policies.of(route).iter().filter_map(|source| {
        let resolved = resolved.get(source).filter(|resolved| resolved.routes.contains(route))?;
        Some(resolved.policy(source))
    });
    targeting.collect()
}

/// A table in the making.
struct Table<'a> {
    behind: &'a BTreeSet<ServicePortKey>,
    routes: &'a [Route<'a>],
    /// In precedence.
    entries: Vec<Entry<'a>>,
    /// Headers by which policies tell requests.
    minded: BTreeSet<Name>,
    governors: Governors,
    claims: Vec<Claim>,
    pairs: usize,
    finding: Finding,
}

impl<'a> Table<'a> {
    fn new(behind: &'a BTreeSet<ServicePortKey>, routes: &'a [Route<'a>]) -> Self {
        let mut entries: Vec<Entry> =
            routes.iter().enumerate().flat_map(|(place, route)| entries(place, route)).collect();
        entries.sort_by(|a, b| a.rank.cmp(&b.rank));
        let enforced = entries.iter().filter(|entry| routes[entry.route].enforced);
        let minded = enforced.flat_map(|entry| &entry.matcher.headers).map(|header| canonical(&header.name));
        let (minded, governors) = (minded.collect(), Governors::default());
        let (claims, finding) = (Vec::new(), Finding::default());
        Self { behind, routes, entries, minded, governors, claims, pairs: 0, finding }
    }

    fn claim(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        for (place, entry) in entries.iter().enumerate() {
            let route = &self.routes[entry.route];
            let filters = self.filters(route, entry.rule);
            if route.enforced && route.leads {
                self.claim_own(entry, &filters);
                self.note_losses(entry, &entries[..place]);
                continue;
            }
            if !route.policies.is_empty() && !route.enforced && route.leads && entry.whole {
                let (rank, governor) = (Some(entry.rank.clone()), self.governor(entry.route, Sight::Clear));
                self.claims.push(Claim {
                    rank,
                    matcher: entry.matcher.clone(),
                    governor,
                    hold: Hold::Audits,
                });
            }
            if let Some(filters) = filters
                && !route.enforced
            {
                self.claim_for_others(entry, &filters, place, &entries);
            }
        }
        self.entries = entries;
    }

    /// Returns what the requests of a rule go through on their way to the port, once for each way; `None` where none goes there.
    fn filters(&self, route: &Route<'a>, rule: &'a Rule) -> Option<Vec<Way<'a>>> {
        let behind = self.behind;
        let mut ways: Vec<Way> = Vec::new();
        if rule.own_endpoints && route.attachment.ports.iter().any(|port| behind.contains(port)) {
            ways.push(vec![&rule.rule.filters]);
        }
        ways.extend(rule.rule.backends.iter().filter_map(|share| match &share.backend {
            Backend::Service { port, families: _ } if behind.contains(port) => {
                Some(vec![&rule.rule.filters, &share.filters])
            }
            Backend::Service { .. } | Backend::Broken { .. } => None,
        }));
        // A copy is of what the chosen backend is sent.
        if rule.rule.mirrors.iter().any(|mirror| behind.contains(&mirror.port)) {
            ways.extend(rule.rule.backends.iter().map(|share| vec![&rule.rule.filters, &share.filters]));
        }
        ways.dedup();
        (!ways.is_empty()).then_some(ways)
    }

    /// The requests of a route with policies, as they are sent and as they look after its filters.
    fn claim_own(&mut self, entry: &Entry, filters: &Option<Vec<Way>>) {
        let rank = Some(entry.rank.clone());
        let (sight, hold) = match entry.whole {
            true => (Sight::Clear, Hold::Owns),
            false => (Sight::Blurred, Hold::Shares(Otherwise::Port)),
        };
        let governor = self.governor(entry.route, sight);
        self.claims.push(Claim { rank, matcher: entry.matcher.clone(), governor, hold });
        for filters in filters.iter().flatten() {
            let looks = image(&entry.matcher, filters, &self.minded);
            self.claim_image(entry, entry.route, looks, sight, Otherwise::Nothing);
        }
    }

    /// The requests of a route without policies, for the routes that would win them without it: where those do not
    /// lead here themselves, and where its filters hide whose the requests are.
    ///
    /// Of one Service's routes only those behind this one would win its requests. As a server sees them, whatever was
    /// dialled, requests may be those of any route that leads here.
    fn claim_for_others(&mut self, entry: &Entry, filters: &[Way], place: usize, entries: &[Entry]) {
        let hides = filters.iter().any(|filters| touches(filters, &self.minded));
        let parents = &self.routes[entry.route].parents;
        let mut all_won = false;
        for (at, other) in entries.iter().enumerate() {
            let route = &self.routes[other.route];
            let is_beside = parents.is_disjoint(&route.parents);
            let wins = match is_beside {
                true => route.leads && hides,
                false => at > place && !all_won && (!route.leads || hides),
            };
            if !route.enforced || !wins {
                continue;
            }
            self.pairs += 1;
            let Some(both) = entry.matcher.meet(&other.matcher, &NoExpressions).both() else { continue };
            let sight = if other.whole { Sight::Clear } else { Sight::Blurred };
            if !route.leads {
                let governor = self.governor(other.route, sight);
                let (rank, hold) = (Some(other.rank.clone()), Hold::Shares(Otherwise::Port));
                self.claims.push(Claim { rank, matcher: both.clone(), governor, hold });
            }
            // What is claimed for a route that does not lead here is told by this rule's own headers too.
            let mut minded = self.minded.clone();
            if !route.leads {
                minded.extend(both.headers.iter().map(|header| canonical(&header.name)));
            }
            for filters in filters.iter().filter(|filters| touches(filters, &minded)) {
                let looks = image(&both, filters, &minded);
                self.claim_image(entry, other.route, looks, sight, Otherwise::Port);
            }
            all_won |= !is_beside && other.whole && entry.matcher.is_within(&other.matcher, &NoExpressions);
            if self.is_too_much() {
                break;
            }
        }
    }

    /// Claims the look of requests after the filters of the rule of `entry` for a route.
    fn claim_image(&mut self, entry: &Entry, route: usize, looks: Image, sight: Sight, otherwise: Otherwise) {
        let (matcher, sight, otherwise) = match (looks, sight) {
            (Image::Same, _) => return,
            (Image::Seen(matcher), Sight::Clear) => (matcher, sight, otherwise),
            (Image::Seen(matcher), Sight::Blurred) => (matcher, sight, Otherwise::Port),
            (Image::Blurred(matcher), _) => {
                self.note_hidden(entry, route);
                (matcher, Sight::Blurred, Otherwise::Port)
            }
        };
        let governor = self.governor(route, sight);
        self.claims.push(Claim { rank: None, matcher, governor, hold: Hold::Shares(otherwise) });
    }

    fn governor(&mut self, route: usize, sight: Sight) -> usize {
        let Route { source, policies, .. } = &self.routes[route];
        let clear =
            Governor { route: Some((*source).clone()), sight: Sight::Clear, policies: policies.clone() };
        self.governors.place(match sight {
            Sight::Clear => clear,
            Sight::Blurred => blurred(&clear),
        })
    }

    fn is_too_much(&self) -> bool {
        self.pairs > MOST_PAIRS
    }

    fn finish(mut self) -> (RouteAccess, Finding) {
        let entries = match self.is_too_much() {
            true => Err(self.pairs),
            false => governing::ordered(self.claims, &mut self.governors),
        };
        if let Err(number) = entries {
            let all = self.routes.iter().flat_map(|route| &route.policies);
            self.finding.unclear.extend(all.map(|policy| too_many(policy, number)));
        }
        (governing::access(entries, self.governors, Unmatched::ByPort), self.finding)
    }

    /// Tells the policies of a route which other routes win some of its requests.
    fn note_losses(&mut self, entry: &Entry, earlier: &[Entry]) {
        let own = &self.routes[entry.route];
        for other in earlier {
            let route = &self.routes[other.route];
            if other.route == entry.route || !route.enforced || !route.leads || self.is_too_much() {
                continue;
            }
            self.pairs += 1;
            if !other.matcher.may_meet(&entry.matcher) {
                continue;
            }
            let there = |policy: &&Policy| !route.policies.iter().any(|other| other.source == policy.source);
            let lost = own.policies.iter().filter(there);
            self.finding.overridden.extend(lost.map(|policy| Diagnostic {
                object: policy.source.clone(),
                field: "spec.targetRefs".into(),
                reason: "MoreSpecificRoute",
                message: format!(
                    "requests of {} that {} matches are governed by the policies of the latter",
                    own.source, route.source
                ),
            }));
        }
    }

    /// Tells the policies of a route that a filter hides its requests from the server.
    fn note_hidden(&mut self, entry: &Entry, route: usize) {
        let (hiding, hidden) = (&self.routes[entry.route], &self.routes[route]);
        let rule = entry.index;
        self.finding.unclear.extend(hidden.policies.iter().map(|policy| Diagnostic {
            object: policy.source.clone(),
            field: "spec.targetRefs".into(),
            reason: "UnsupportedValue",
            message: format!(
                "a filter of {} rules[{rule}] takes away or extends the header by which requests of {} are known, so a server cannot tell them: {}",
                hiding.source,
                hidden.source,
                match policy.action {
                    Action::Allow => "nothing is admitted by it among all that could be such requests",
                    Action::Deny => "all that could be such requests is denied",
                }
            ),
        }));
    }
}

fn entries<'a>(place: usize, route: &Route<'a>) -> Vec<Entry<'a>> {
    let attachment: &'a Attachment = route.attachment;
    let rules = attachment.rules.iter().enumerate();
    let all = rules.flat_map(|(index, rule)| {
        rule.matches.iter().enumerate().map(move |(number, matcher)| (index, rule, number, matcher))
    });
    let entry = |(index, rule, number, matcher): (usize, &'a Rule, usize, &'a HttpMatch)| {
        let (told, untold) = tellable(matcher);
        Entry {
            route: place,
            index,
            rule,
            rank: rank(matcher, attachment.created, route.source, [index, number]),
            whole: untold.is_none(),
            matcher: told,
        }
    };
    all.map(entry).collect()
}

/// Returns the diagnostic of routes that overlap in too many ways to say whose requests are whose.
pub(crate) fn too_many(policy: &Policy, number: usize) -> Diagnostic {
    Diagnostic {
        object: policy.source.clone(),
        field: "spec.targetRefs".into(),
        reason: "TooManyRoutes",
        message: format!(
            "routes with policies overlap in more than {number} ways: nothing is admitted by policies on routes there, and all that any of them denies is denied"
        ),
    }
}

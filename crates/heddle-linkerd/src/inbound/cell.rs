//! Requests in parts of which every policy says one thing: the routes of a port.

use super::callers::{self, Grant, Mode};
use super::client::Clients;
use super::told::{self, Excess, LOWER_ESCAPES, OTHER_SPELLINGS, Told};
use super::{Port, authz};
use crate::l5d::{self, inbound as l5d_in};
use crate::matching::{self, Meet};
use crate::pattern::Expressions;
use crate::{filter, meta};
use heddle_model::Name;
use heddle_model::access::Action;
use heddle_model::http::HttpMatch;
use l5d_in::http_route as route;
use std::collections::BTreeSet;

/// How many routes a port has at most.
const MOST: usize = 1024;

/// The requests of a match, by some clients (`None`: whoever sends them).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    matcher: HttpMatch,
    clients: Option<Clients>,
}

impl Cell {
    pub(crate) fn is_within_any(&self, of: &[HttpMatch]) -> bool {
        of.iter().any(|of| matching::is_within(&self.matcher, of, &Expressions::default()))
    }

    /// Whether all who send these are among the clients.
    pub(crate) fn is_of(&self, clients: &BTreeSet<Clients>) -> bool {
        self.clients.as_ref().is_some_and(|own| clients.iter().any(|of| own.is_within(of)))
    }

    fn is_within(&self, outer: &Self) -> bool {
        let clients = outer.clients.as_ref().is_none_or(|of| self.is_of(&[of.clone()].into()));
        clients && matching::is_within(&self.matcher, &outer.matcher, &Expressions::default())
    }

    fn contradicted(&self, headers: &BTreeSet<Name>, port: &Port) -> Vec<l5d::HttpRouteMatch> {
        let twins = matching::contradicted(&self.matcher, headers).into_iter();
        let twins = twins.map(|matcher| Self { matcher, clients: self.clients.clone() });
        twins.filter_map(|cell| message(&cell, port)).collect()
    }

    fn meet(&self, other: &Self) -> Option<Self> {
        let clients = match (&self.clients, &other.clients) {
            (Some(one), Some(another)) => Some(one.meet(another)?),
            (one, another) => one.as_ref().or(another.as_ref()).cloned(),
        };
        match matching::meet(&self.matcher, &other.matcher, &Expressions::default()) {
            Meet::Both(matcher) => Some(Self { matcher, clients }),
            // Policies have no regular expressions of paths.
            Meet::Nothing | Meet::Unknown => None,
        }
    }
}

/// The routes of a port, and what is refused beyond what should be. `bytes` are the callers whom a proxy adds to every
/// route.
pub(crate) fn routes(port: &Port, bytes: &[l5d_in::Authz]) -> (Vec<l5d_in::HttpRoute>, Vec<Excess>) {
    let (policies, mut excess) = told::policies(port.access);
    let routed = port.access.routed.as_deref().map(told::spelled);
    let bases = bases(&policies, routed.as_deref(), port);
    let Some(cells) = closed(&bases) else {
        excess.push(Excess::TooManyRoutes);
        return (vec![refused("too-many-routes", Vec::new())], excess);
    };
    let mode = Mode::of(port.mtls);
    let is_routed = |cell: &&Cell| routed.as_ref().is_none_or(|of| cell.is_within_any(of));
    let admitted = |cell| callers::of_requests(port.access, &policies, cell, mode, port.mesh);
    let granted: Vec<_> = cells.iter().filter(is_routed).map(|cell| (cell, admitted(cell))).collect();
    let mut routes = Vec::new();
    if port.access.minds_paths() {
        routes.push(refused("other-spellings", vec![spelled(OTHER_SPELLINGS)]));
    }
    if port.access.minds_case() {
        routes.push(refused("lower-case-escapes", vec![spelled(LOWER_ESCAPES)]));
    }
    let headers = matching::contradictable(cells.iter().map(|cell| &cell.matcher));
    if !headers.is_empty() {
        excess.push(Excess::SeveralValues);
    }
    let admitting = granted.iter().filter(|(_, grants)| !grants.is_empty());
    let contradicted: Vec<_> = admitting.flat_map(|(cell, _)| cell.contradicted(&headers, port)).collect();
    if !contradicted.is_empty() {
        routes.push(refused("several-values", contradicted));
    }
    routes.extend(grouped(granted).iter().filter_map(|(cells, grants)| of_cells(cells, grants, port, bytes)));
    if routes.is_empty() {
        // Without any route a proxy makes one up.
        routes.push(refused("no-route", Vec::new()));
    }
    (routes, excess)
}

/// What the policies tell apart.
fn bases(policies: &[Told], routed: Option<&[HttpMatch]>, port: &Port) -> BTreeSet<Cell> {
    let mut bases = BTreeSet::new();
    let matchers = |policy: &Told| -> Vec<HttpMatch> {
        let requests = policy.rules.iter().filter_map(|rule| rule.requests.clone());
        policy.covers.clone().into_iter().chain(requests).flatten().collect()
    };
    let told = policies.iter().flat_map(matchers).chain(routed.into_iter().flatten().cloned());
    bases.extend(told.map(|of| Cell { matcher: matching::normal(&of), clients: None }));
    if Mode::of(port.mtls) != Mode::Nobody {
        let denies = policies.iter().filter(|policy| policy.action == Action::Deny);
        let peers = denies.flat_map(|policy| &policy.rules).flat_map(|rule| rule.from);
        let clients = peers.flat_map(|of| &*of.principals).filter_map(|of| Clients::of(of, port.mesh));
        bases.extend(clients.map(|of| Cell { matcher: HttpMatch::default(), clients: Some(of) }));
    }
    bases
}

/// The bases and all that they have in common, the narrowest first; `None` where that is too much.
fn closed(bases: &BTreeSet<Cell>) -> Option<Vec<Cell>> {
    let mut cells = BTreeSet::from([Cell::default()]);
    for base in bases {
        let common: Vec<Cell> = cells.iter().filter_map(|cell| cell.meet(base)).collect();
        cells.extend(common);
        if cells.len() > MOST {
            return None;
        }
    }
    let mut cells: Vec<Cell> = cells.into_iter().collect();
    let breadth = |cell: &Cell| bases.iter().filter(|base| !cell.is_within(base)).count();
    cells.sort_by_cached_key(breadth);
    Some(cells)
}

/// Neighbours with equal callers.
fn grouped(granted: Vec<(&Cell, Vec<Grant>)>) -> Vec<(Vec<&Cell>, Vec<Grant>)> {
    let mut groups: Vec<(Vec<&Cell>, Vec<Grant>)> = Vec::new();
    for (cell, grants) in granted {
        match groups.last_mut() {
            Some((cells, same)) if *same == grants => cells.push(cell),
            Some(_) | None => groups.push((vec![cell], grants)),
        }
    }
    groups
}

/// `None` where a proxy would refuse what it is told: no request could match it.
fn of_cells(
    cells: &[&Cell],
    grants: &[Grant],
    port: &Port,
    bytes: &[l5d_in::Authz],
) -> Option<l5d_in::HttpRoute> {
    let matches: Vec<_> = cells.iter().filter_map(|cell| message(cell, port)).collect();
    let name = if cells.iter().any(|cell| **cell == Cell::default()) { "default" } else { "access" };
    let authorizations = authz::messages(grants, port.mesh).into_iter().filter(|of| !bytes.contains(of));
    let rule = route::Rule { matches, filters: Vec::new() };
    (!rule.matches.is_empty()).then(|| http_route(name, authorizations.collect(), rule))
}

fn message(cell: &Cell, port: &Port) -> Option<l5d::HttpRouteMatch> {
    let mut matcher = cell.matcher.clone();
    matcher.headers.extend(cell.clients.as_ref().map(|of| of.header(port.mesh)));
    matching::message(&matcher)
}

fn spelled(expression: &str) -> l5d::HttpRouteMatch {
    let path = l5d::path_match::Kind::Regex(expression.into());
    l5d::HttpRouteMatch { path: Some(l5d::PathMatch { kind: Some(path) }), ..Default::default() }
}

/// A route that answers 403, whoever asks.
fn refused(name: &str, matches: Vec<l5d::HttpRouteMatch>) -> l5d_in::HttpRoute {
    let filter =
        route::Filter { kind: Some(route::filter::Kind::FailureInjector(filter::failure(403, name))) };
    http_route(name, Vec::new(), route::Rule { matches, filters: vec![filter] })
}

fn http_route(name: &str, authorizations: Vec<l5d_in::Authz>, rule: route::Rule) -> l5d_in::HttpRoute {
    l5d_in::HttpRoute {
        metadata: Some(meta::default(name)),
        hosts: Vec::new(),
        authorizations,
        rules: vec![rule],
    }
}

//! The routes of a port: one for each part of its requests of which every policy says one thing.

use super::callers::{self, Grant, Mode};
use super::cell::Cell;
use super::client::Clients;
use super::supported::{self, LOWER_ESCAPES, OTHER_SPELLINGS, Overreach, Policies, SupportedPolicy};
use super::{Port, authz};
use crate::l5d::{self, inbound as l5d_in};
use crate::matching;
use crate::{filter, meta};
use heddle_model::Name;
use heddle_model::access::Action;
use heddle_model::http::HttpMatch;
use l5d_in::http_route as route;
use std::collections::BTreeSet;

/// The most routes of a port.
const MOST: usize = 1024;

/// The routes of a port, and what is refused beyond what should be. `bytes` are the callers whom a proxy adds to every
/// route.
pub(crate) fn of_port(port: &Port, bytes: &[l5d_in::Authz]) -> (Vec<l5d_in::HttpRoute>, Vec<Overreach>) {
    let mut policies = supported::policies(port.rules.access);
    let mut excess = std::mem::take(&mut policies.excess);
    let Some(cells) = bases(&policies, port).and_then(|bases| closed(&bases)) else {
        excess.push(Overreach::TooManyRoutes);
        return (vec![refused("too-many-routes", Vec::new())], excess);
    };
    let granted = |cell| Some((cell, admitted(port, &policies, cell)?));
    let granted: Vec<_> = cells.iter().filter_map(granted).collect();
    let mut routes = Vec::new();
    if port.rules.access.minds_paths() {
        routes.push(refused("other-spellings", vec![spelled(OTHER_SPELLINGS)]));
    }
    if port.rules.access.minds_case() {
        routes.push(refused("lower-case-escapes", vec![spelled(LOWER_ESCAPES)]));
    }
    let headers = matching::contradictable(cells.iter().map(|cell| &cell.matcher));
    if !headers.is_empty() {
        excess.push(Overreach::SeveralValues);
    }
    let admitting = granted.iter().filter(|(_, grants)| !grants.is_empty());
    let contradicted: Vec<_> = admitting.flat_map(|(cell, _)| contradicted(cell, &headers, port)).collect();
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

/// Returns whom the policies admit to the requests of a cell; `None` for requests that are not served at all.
///
/// The first entry that matches says which routes govern them. One that matches more than it should governs beside the
/// next, and its Allows admit nothing.
fn admitted(port: &Port, policies: &Policies, cell: &Cell) -> Option<Vec<Grant>> {
    let mode = Mode::of(port.rules.mtls);
    let under = |policies: &[&SupportedPolicy]| {
        callers::of_requests(port.rules.access, policies, cell, mode, port.mesh)
    };
    let of_port = policies.port.iter().collect::<Vec<_>>();
    let mut grants: Option<Vec<Grant>> = None;
    let mut narrow = |more: Vec<Grant>| {
        grants = Some(match &grants {
            Some(grants) => callers::both(grants, &more),
            None => more,
        });
    };
    let mut owned = false;
    for entry in policies.entries.iter().filter(|entry| cell.is_within_any(&entry.matchers)) {
        for governor in entry.governors {
            narrow(under(&policies.of(*governor, entry)));
        }
        owned = !entry.is_blurred;
        if owned {
            break;
        }
    }
    match (owned, port.rules.access.refuses_unmatched()) {
        (false, true) => return None,
        (false, false) => narrow(under(&of_port)),
        (true, _) => {}
    }
    Some(grants.unwrap_or_else(|| under(&of_port)))
}

/// Returns what the policies tell apart; `None` where that is too much.
fn bases(policies: &Policies, port: &Port) -> Option<BTreeSet<Cell>> {
    let everything = [HttpMatch::default()];
    let mut bases = BTreeSet::new();
    let entries = policies.entries.iter().flat_map(|entry| &entry.matchers);
    bases.extend(entries.map(|entry| Cell { matcher: entry.normal(), clients: None }));
    for policy in &policies.port {
        told_apart(policy, &everything, port, &mut bases)?;
    }
    for entry in &policies.entries {
        for policy in policies.of_routes(entry) {
            told_apart(policy, &entry.matchers, port, &mut bases)?;
        }
    }
    Some(bases)
}

/// Adds what a policy tells apart among some requests; `None` where that is too much.
fn told_apart(
    policy: &SupportedPolicy,
    among: &[HttpMatch],
    port: &Port,
    bases: &mut BTreeSet<Cell>,
) -> Option<()> {
    let requests = || policy.rules.iter().flat_map(|rule| rule.requests.iter().flatten());
    let peers = policy.rules.iter().flat_map(|rule| rule.from);
    let is_minded = policy.action == Action::Deny && Mode::of(port.rules.mtls) != Mode::Nobody;
    let principals = peers.filter(|_| is_minded).flat_map(|peer| &*peer.principals);
    let clients: BTreeSet<_> = principals.filter_map(|principal| Clients::of(principal, port.mesh)).collect();
    for scope in among {
        let scope = Cell { matcher: scope.normal(), clients: None };
        let asked = requests().map(|request| Cell { matcher: request.normal(), clients: None });
        let clients = clients.iter().map(|client| Cell { clients: Some(client.clone()), ..Cell::default() });
        for base in asked.chain(clients) {
            bases.extend(scope.meet(&base));
            if bases.len() > MOST {
                return None;
            }
        }
    }
    Some(())
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
    let authorizations =
        authz::messages(grants, port.mesh).into_iter().filter(|message| !bytes.contains(message));
    let rule = route::Rule { matches, filters: Vec::new() };
    (!rule.matches.is_empty()).then(|| http_route(name, authorizations.collect(), rule))
}

fn message(cell: &Cell, port: &Port) -> Option<l5d::HttpRouteMatch> {
    let mut matcher = cell.matcher.clone();
    matcher.headers.extend(cell.clients.as_ref().map(|client| client.header(port.mesh)));
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

fn contradicted(cell: &Cell, headers: &BTreeSet<Name>, port: &Port) -> Vec<l5d::HttpRouteMatch> {
    let twins = matching::contradicted(&cell.matcher, headers).into_iter();
    let twins = twins.map(|matcher| Cell { matcher, clients: cell.clients.clone() });
    twins.filter_map(|cell| message(&cell, port)).collect()
}

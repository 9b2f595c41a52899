//! The table of routes of one Service port and group of clients.

use crate::routes::attachment::{Attachment, Rule};
use crate::routes::precedence::rank;
use heddle_model::http::HttpMatch;
use heddle_model::report::Condition;
use heddle_model::route::{Backend, RouteEntry, RouteRule, RouteTable, WeightedBackend};
use heddle_model::{Families, Kind, ServicePortKey, SourceRef};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most matches of one table. Every proxy that dials the port is sent them all, at every change of one.
pub(crate) const MATCHES: usize = 4096;

/// The routes of one table, merged.
pub(crate) struct Merged<'a> {
    /// `None` without routes: then traffic goes to the port's own endpoints.
    pub(crate) table: Option<RouteTable<HttpMatch>>,
    /// The routes that are not in it.
    pub(crate) excluded: BTreeMap<&'a SourceRef, Excluded>,
}

/// The reason for which a route is not in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excluded {
    /// The table is full without it, and it is the youngest.
    Full,
    /// Routes of another kind have the port (GEP-1294: GRPCRoute before HTTPRoute).
    Kind,
}

/// Merges the routes of one table, the oldest first, up to [`MATCHES`].
pub(crate) fn resolve<'a>(
    port: &ServicePortKey,
    families: Families,
    routes: impl Iterator<Item = (&'a SourceRef, &'a Attachment)>,
) -> Merged<'a> {
    let mut routes: Vec<_> = routes.collect();
    routes.sort_by_key(|(source, attachment)| (attachment.created, *source));
    let (mut ranked, mut excluded, mut matches) = (Vec::new(), BTreeMap::new(), 0);
    let is_of_calls = |source: &SourceRef| source.kind == Kind::GrpcRoute;
    if routes.iter().any(|(source, _)| is_of_calls(source)) {
        let others = routes.extract_if(.., |(source, _)| !is_of_calls(source));
        excluded.extend(others.map(|(source, _)| (source, Excluded::Kind)));
    }
    for (source, attachment) in &routes {
        let Attachment { ports: _, made_http: _, servers: _, created, rules, report: _, faults: _ } =
            attachment;
        matches += rules.iter().map(|rule| rule.matches.len()).sum::<usize>();
        if matches > MATCHES {
            excluded.insert(*source, Excluded::Full);
            continue;
        }
        for (index, rule) in rules.iter().enumerate() {
            let action = action(rule, port, families);
            for (place, matcher) in rule.matches.iter().enumerate() {
                let entry = RouteEntry { matcher: matcher.clone(), rule: action.clone() };
                ranked.push((rank(matcher, *created, source, [index, place]), entry));
            }
        }
    }
    ranked.sort_by(|(a, _), (b, _)| a.cmp(b));
    let table = || RouteTable { entries: ranked.into_iter().map(|(_, entry)| entry).collect() };
    Merged { table: (!routes.is_empty()).then(table), excluded }
}

/// Returns the condition of a route at whose every port of a Service routes of another kind are.
pub(crate) fn conflicted(port: &ServicePortKey) -> Condition {
    let message = format!("a GRPCRoute is attached to {port}, and only one kind of route applies to a port");
    Condition::new("Accepted", false, "Conflicted", message)
}

/// Returns the condition of a route that the table of a port has no room for.
pub(crate) fn excluded(port: &ServicePortKey) -> Condition {
    let message = format!(
        "the routes for {port} have more than {MATCHES} matches together: of the youngest, this one among them, \
         none is in effect; shorten or remove some"
    );
    Condition::new("Accepted", false, "UnsupportedValue", message)
}

/// Returns what a rule does at one port. One that sends requests on as they would go does so to that port.
fn action(rule: &Rule, port: &ServicePortKey, families: Families) -> Arc<RouteRule> {
    if !rule.own_endpoints {
        return rule.rule.clone();
    }
    let own = WeightedBackend {
        weight: 1,
        backend: Backend::Service { port: port.clone(), families },
        filters: Default::default(),
    };
    Arc::new(RouteRule { backends: vec![own], ..(*rule.rule).clone() })
}

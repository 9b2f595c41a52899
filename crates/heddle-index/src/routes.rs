//! The table of routes of one Service port and group of clients.

use crate::attachment::{Attachment, Rule};
use crate::precedence::rank;
use heddle_model::http::HttpMatch;
use heddle_model::route::{Backend, RouteEntry, RouteRule, RouteTable, WeightedBackend};
use heddle_model::{Families, ServicePortKey, SourceRef};
use std::sync::Arc;

/// Merges the routes of one table. `None` without routes: then traffic goes to the port's own endpoints.
pub(crate) fn resolve<'a>(
    port: &ServicePortKey,
    families: Families,
    routes: impl Iterator<Item = (&'a SourceRef, &'a Attachment)>,
) -> Option<RouteTable<HttpMatch>> {
    let mut ranked = Vec::new();
    let mut attached = false;
    for (source, Attachment { ports: _, made_http: _, servers: _, created, rules, report: _ }) in routes {
        attached = true;
        for (index, rule) in rules.iter().enumerate() {
            let action = action(rule, port, families);
            for (place, matcher) in rule.matches.iter().enumerate() {
                let entry = RouteEntry { matcher: matcher.clone(), rule: action.clone() };
                ranked.push((rank(matcher, *created, source, [index, place]), entry));
            }
        }
    }
    ranked.sort_by(|(a, _), (b, _)| a.cmp(b));
    attached.then(|| RouteTable { entries: ranked.into_iter().map(|(_, entry)| entry).collect() })
}

/// What a rule does at one port. One that sends requests on as they would go does so to that port.
fn action(rule: &Rule, port: &ServicePortKey, families: Families) -> Arc<RouteRule> {
    if !rule.own_endpoints {
        return rule.rule.clone();
    }
    let own = WeightedBackend {
        weight: 1,
        backend: Backend::Service { port: port.clone(), families },
        request_headers: Default::default(),
        response_headers: Default::default(),
    };
    Arc::new(RouteRule { backends: vec![own], ..(*rule.rule).clone() })
}

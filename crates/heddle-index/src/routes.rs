//! The table of routes of one Service port and group of clients.

use crate::attachment::Attachment;
use crate::precedence::rank;
use heddle_model::SourceRef;
use heddle_model::http::HttpMatch;
use heddle_model::route::{RouteEntry, RouteTable};

/// Merges the routes of one table. `None` without routes: then traffic goes to the port's own endpoints.
pub(crate) fn resolve<'a>(
    routes: impl Iterator<Item = (&'a SourceRef, &'a Attachment)>,
) -> Option<RouteTable<HttpMatch>> {
    let mut ranked = Vec::new();
    let mut attached = false;
    for (source, Attachment { ports: _, created, rules, report: _ }) in routes {
        attached = true;
        for (index, rule) in rules.iter().enumerate() {
            for (place, matcher) in rule.matches.iter().enumerate() {
                let entry = RouteEntry { matcher: matcher.clone(), rule: rule.rule.clone() };
                ranked.push((rank(matcher, *created, source, [index, place]), entry));
            }
        }
    }
    ranked.sort_by(|(a, _), (b, _)| a.cmp(b));
    attached.then(|| RouteTable { entries: ranked.into_iter().map(|(_, entry)| entry).collect() })
}

//! The rate limit that holds at a Server, and the reports of those that do not.

use crate::tables::Tables;
use heddle_model::access::RateLimit;
use heddle_model::report::{Condition, ParentRef, Report, Subject};
use heddle_model::server::RateLimitPolicy;
use heddle_model::{Fact, Kind, SourceRef};

/// The oldest that names the Server.
pub(crate) fn resolve(tables: &Tables, server: &SourceRef) -> Option<RateLimit> {
    let (source, limit) = tables.rate_limits(server).into_iter().next()?;
    let RateLimitPolicy { server: _, total, identity, overrides, created: _ } = limit;
    Some(RateLimit {
        source: source.clone(),
        total: *total,
        identity: *identity,
        overrides: overrides.clone(),
    })
}

/// Returns what became of a rate limit, as Linkerd says it. `None` for one that cannot be read: a status must name the
/// target.
pub(crate) fn report(tables: &Tables, source: &SourceRef) -> Option<Report> {
    let Fact::RateLimit(limit) = &tables.row(source)?.fact else { return None };
    let server = SourceRef::new(Kind::Server, source.namespace.clone(), limit.server.clone());
    let first = tables.rate_limits(&server).into_iter().next().map(|(first, _)| first);
    let accepted = |holds, reason, message| Condition::new("Accepted", holds, reason, message);
    let accepted = match first {
        _ if tables.server(&server).is_none() => {
            accepted(false, "NoMatchingTarget", format!("there is no {server} that can be read"))
        }
        Some(first) if first != source => {
            accepted(false, "RateLimitReasonAlreadyExists", format!("{first} is older, or first by name"))
        }
        _ => accepted(true, "Accepted", String::new()),
    };
    let target = ParentRef {
        group: Some("policy.linkerd.io".into()),
        kind: Some("Server".into()),
        namespace: None,
        name: limit.server.to_string(),
        section_name: None,
        port: None,
    };
    Some(Report { subjects: vec![Subject { parent: Some(target), conditions: vec![accepted] }] })
}

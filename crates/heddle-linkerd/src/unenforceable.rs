//! What was meant, and no linkerd2-proxy can do: told, never left out silently.

use crate::inbound::{self, Excess};
use crate::precedence;
use heddle_model::snapshot::RouteKey;
use heddle_model::{Diagnostic, Snapshot, SourceRef, WorkloadKey};
use std::collections::BTreeSet;

/// What the proxy of a workload cannot do of the policies of its ports, and what it does instead: it refuses more
/// than was meant, never less.
pub fn unenforceable(snapshot: &Snapshot, workload: &WorkloadKey) -> Vec<Diagnostic> {
    let Some(found) = snapshot.workloads.get(workload) else { return Vec::new() };
    let all = inbound::excess(&snapshot.mesh, found).into_iter();
    let all: BTreeSet<Diagnostic> = all.map(|(port, excess)| of_port(workload, port, excess)).collect();
    all.into_iter().collect()
}

/// Where the proxies of a table's clients may take a later entry than the one that is meant.
pub fn unordered(snapshot: &Snapshot, key: &RouteKey) -> Vec<Diagnostic> {
    let Some(table) = snapshot.routes.get(key) else { return Vec::new() };
    let told = precedence::unordered(table).into_iter().map(|(meant, taken)| {
        let (meant, taken) = (&table.entries[meant].rule, &table.entries[taken].rule);
        let message = format!(
            "a request that this rule and spec.rules[{}] of {} both match may follow the latter at \
             linkerd2-proxy, which cannot narrow a regular expression by another path",
            taken.index, taken.source
        );
        diagnostic(meant.source.clone(), format!("spec.rules[{}]", meant.index), "RouteOrder", message)
    });
    told.collect::<BTreeSet<_>>().into_iter().collect()
}

fn of_port(workload: &WorkloadKey, port: Option<u16>, excess: Excess) -> Diagnostic {
    let at = match port {
        Some(port) => format!("port {port} of {workload}"),
        None => format!("the undeclared ports of {workload}"),
    };
    match excess {
        Excess::Spellings => diagnostic(
            workload.source(),
            String::new(),
            "PathSpelling",
            format!(
                "policies at {at} look at paths, and linkerd2-proxy compares them as they are sent: requests \
                 with dot segments, double slashes, backslashes or needless escapes are refused"
            ),
        ),
        Excess::SeveralValues => diagnostic(
            workload.source(),
            String::new(),
            "SeveralValues",
            format!(
                "policies at {at} look at headers, and linkerd2-proxy is content with one of several values: \
                 requests with another value of such a header beside it are refused"
            ),
        ),
        Excess::Bytes(policy) => diagnostic(
            policy,
            "spec.rules".into(),
            "OverDenied",
            format!(
                "at {at} linkerd2-proxy cannot tell these clients from the others where it carries bytes: \
                 everyone whom they are a part of is refused there"
            ),
        ),
        Excess::Header(policy) => diagnostic(
            policy,
            "spec.rules".into(),
            "HeaderMatch",
            format!(
                "at {at} linkerd2-proxy cannot compare the authority of requests, nor a header's value that has a \
                 comma: a Deny does without it, an Allow that asks for it admits nothing"
            ),
        ),
        Excess::TooManyRoutes => diagnostic(
            workload.source(),
            String::new(),
            "TooManyRoutes",
            format!(
                "the policies at {at} tell more kinds of requests apart than linkerd2-proxy is given routes: all requests are refused"
            ),
        ),
    }
}

fn diagnostic(object: SourceRef, field: String, reason: &'static str, message: String) -> Diagnostic {
    Diagnostic { object, field, reason, message }
}

//! Limitations: the parts of what was meant that no linkerd2-proxy can do. They are told, never left out silently.

use crate::inbound::{self, Overreach};
use crate::precedence::{self, Unordered};
use heddle_model::ability;
use heddle_model::fact::DataPlane;
use heddle_model::http::HttpMatch;
use heddle_model::route::{RouteEntry, RouteTable, broken_status};
use heddle_model::snapshot::{Key, RouteKey, Workload};
use heddle_model::{Diagnostic, Snapshot, SourceRef, WorkloadKey};
use std::collections::{BTreeMap, BTreeSet};

/// Returns what linkerd2-proxies cannot do of what `key` stands for, in a mesh that has these data planes.
///
/// Of a workload: what its proxy cannot do of the policies of its ports, and what it does instead: it refuses more than
/// was meant, never less. Of a table of routes: where the proxies of its clients may take a later entry than the one
/// that is meant. The words name the port and not the workload, so that a policy over a thousand Pods is told once.
pub fn limitations(snapshot: &Snapshot, key: &Key, planes: &BTreeSet<DataPlane>) -> BTreeSet<Diagnostic> {
    match key {
        Key::Workload(workload) => at_workload(snapshot, workload),
        Key::Routes(table) if planes.contains(&DataPlane::Linkerd) => of_table(snapshot, table),
        Key::Routes(_)
        | Key::Mesh
        | Key::Service(_)
        | Key::Endpoints(_)
        | Key::Address(_)
        | Key::Network(_)
        | Key::Egress(_)
        | Key::Report(_)
        | Key::Diagnostics(_) => BTreeSet::new(),
    }
}

fn at_workload(snapshot: &Snapshot, key: &WorkloadKey) -> BTreeSet<Diagnostic> {
    let found = snapshot.workloads.get(key).filter(|found| found.plane == Some(DataPlane::Linkerd));
    let Some(found) = found else { return BTreeSet::new() };
    let all = inbound::excess(&snapshot.mesh, found).into_iter();
    all.flat_map(|(port, excess)| of_port(found, port, excess)).collect()
}

fn of_table(snapshot: &Snapshot, key: &RouteKey) -> BTreeSet<Diagnostic> {
    let Some(table) = snapshot.routes.get(key) else { return BTreeSet::new() };
    let Unordered { pairs, is_partial } = precedence::unordered(table);
    let of_pair = |(meant, taken): (usize, usize)| {
        let (meant, taken) = (&table.entries[meant].rule, &table.entries[taken].rule);
        let message = format!(
            "a request that this rule and spec.rules[{}] of {} both match may follow the latter at \
             linkerd2-proxy, which cannot narrow a regular expression by another path",
            taken.index, taken.source
        );
        diagnostic(&meant.source, format!("spec.rules[{}]", meant.index), "RouteOrder", message)
    };
    let mut found: BTreeSet<Diagnostic> = pairs.into_iter().map(of_pair).collect();
    found.extend(lacking(table));
    if is_partial {
        let sources: BTreeSet<&SourceRef> = table.entries.iter().map(|entry| &entry.rule.source).collect();
        let message = format!(
            "the routes for {} have {} matches, too many to compare: where two match one request, linkerd2-proxy may \
             follow another than the first",
            key.port,
            table.entries.len()
        );
        found.extend(
            sources
                .into_iter()
                .map(|source| diagnostic(source, "spec.rules".into(), "RouteOrder", message.clone())),
        );
    }
    found
}

/// Returns what no linkerd2-proxy does of the filters of a table's rules, once for each route.
fn lacking(table: &RouteTable<HttpMatch>) -> impl Iterator<Item = Diagnostic> {
    let mut places: BTreeMap<(&SourceRef, &'static str), BTreeSet<String>> = BTreeMap::new();
    for RouteEntry { matcher: _, rule } in &table.entries {
        let field = || format!("spec.rules[{}]", rule.index);
        let whole = ability::lacks(DataPlane::Linkerd, rule).map(|lack| (lack, field()));
        let shares = rule.backends.iter().filter_map(|share| {
            Some((ability::lacks_of(DataPlane::Linkerd, &share.filters)?, format!("{}.backendRefs", field())))
        });
        for (lack, place) in whole.into_iter().chain(shares) {
            places.entry((&rule.source, lack)).or_default().insert(place);
        }
    }
    places.into_iter().map(|((source, lack), places)| {
        let places = places.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("{lack}: its clients are answered {} by {places}", broken_status(source.kind));
        diagnostic(source, "spec.rules".into(), "UnsupportedValue", message)
    })
}

fn of_port(workload: &Workload, port: Option<u16>, excess: Overreach) -> Vec<Diagnostic> {
    let at = port.map_or_else(|| "undeclared ports".into(), |port| format!("port {port}"));
    let source = workload.key.source();
    let tell = |object: &SourceRef, field: &str, reason, text: &str| {
        diagnostic(object, field.into(), reason, format!("{at}: {text}"))
    };
    match excess {
        Overreach::Spellings => vec![tell(
            &source,
            "",
            "PathSpelling",
            "policies look at paths, and linkerd2-proxy compares them as they are sent: requests with dot \
             segments, double slashes, backslashes or needless escapes are refused",
        )],
        Overreach::SeveralValues => vec![tell(
            &source,
            "",
            "SeveralValues",
            "policies want several values of one header, or a header whose lines other proxies join, and linkerd2-proxy \
             goes by one of several values: requests with another value of such a header beside it are refused",
        )],
        Overreach::Bytes(policy) => vec![tell(
            &policy,
            "spec.rules",
            "OverDenied",
            "linkerd2-proxy cannot tell these clients from the others where it carries bytes: everyone whom they \
             are a part of is refused",
        )],
        Overreach::Header(policy) => vec![tell(
            &policy,
            "spec.rules",
            "HeaderMatch",
            "linkerd2-proxy cannot compare the authority of requests, nor a value with a separator of a header whose \
             lines other proxies join: a Deny does without it, an Allow that asks for it admits nothing",
        )],
        Overreach::TooManyRoutes => {
            let declared = port.and_then(|port| workload.port(port));
            let access = declared.map_or(&workload.undeclared.access, |declared| &declared.access);
            let each = access.all_policies().map(|policy| {
                tell(
                    &policy.source,
                    "",
                    "TooManyRoutes",
                    "the policies together tell more kinds of requests apart than linkerd2-proxy is given \
                     routes: all requests are refused",
                )
            });
            each.collect()
        }
    }
}

fn diagnostic(object: &SourceRef, field: String, reason: &'static str, message: String) -> Diagnostic {
    Diagnostic { object: object.clone(), field, reason, message }
}

//! What the authors of objects should know that decided a request, or might have.

use heddle_decide::Verdict;
use heddle_decide::verdict::{Candidate, Destination, Outcome, ShareTarget, Step};
use heddle_linkerd::{unenforceable, unordered};
use heddle_model::fact::DataPlane;
use heddle_model::snapshot::RouteKey;
use heddle_model::{Diagnostic, Kind, Name, Snapshot, SourceRef, WorkloadKey};
use std::collections::BTreeSet;

/// What is wrong with the objects that decided, and with every policy of the servers' namespaces: one that cannot be
/// read decides nothing. And what linkerd2-proxies cannot do of them.
pub(super) fn notes(snapshot: &Snapshot, verdict: &Verdict) -> BTreeSet<Diagnostic> {
    let candidates = candidates(verdict);
    let servers: BTreeSet<&WorkloadKey> = candidates.iter().filter_map(|of| of.workload.as_ref()).collect();
    let namespaces: BTreeSet<&Name> = servers.iter().map(|key| &key.namespace).collect();
    let decided = decided(verdict, &candidates);
    let concerns = |object: &SourceRef| {
        decided.contains(object) || (is_policy(object.kind) && namespaces.contains(&object.namespace))
    };
    let told = snapshot.diagnostics.iter().filter(|(object, _)| concerns(object));
    let mut all: BTreeSet<Diagnostic> = told.flat_map(|(_, told)| told.iter().cloned()).collect();
    let of_linkerd = servers.into_iter().filter(|key| is_linkerd(snapshot, key));
    all.extend(of_linkerd.flat_map(|key| unenforceable(snapshot, key)));
    all.extend(table(snapshot, verdict).into_iter().flat_map(|key| unordered(snapshot, &key)));
    all
}

fn candidates(verdict: &Verdict) -> Vec<&Candidate> {
    let Outcome::Forwarded(forward) = &verdict.outcome else { return Vec::new() };
    let shares = forward.shares.iter().filter_map(|share| match &share.to {
        ShareTarget::Endpoints { candidates, service: _, request_headers: _, response_headers: _ } => {
            Some(candidates)
        }
        ShareTarget::Broken { .. } => None,
    });
    shares.flatten().collect()
}

fn decided(verdict: &Verdict, candidates: &[&Candidate]) -> BTreeSet<SourceRef> {
    let steps = candidates.iter().flat_map(|of| &of.steps).chain(&verdict.steps);
    steps.filter_map(|Step { source, topic: _, text: _, field: _ }| source.clone()).collect()
}

/// The table of a linkerd2-proxy's requests.
fn table(snapshot: &Snapshot, verdict: &Verdict) -> Option<RouteKey> {
    let client = verdict.caller.workload.as_ref().filter(|key| is_linkerd(snapshot, key))?;
    let Destination::Service(port) = &verdict.destination else { return None };
    let of = |consumer: Option<Name>| RouteKey { port: port.clone(), consumer };
    let own = of(Some(client.namespace.clone()));
    Some(if snapshot.routes.contains_key(&own) { own } else { of(None) })
}

fn is_linkerd(snapshot: &Snapshot, key: &WorkloadKey) -> bool {
    snapshot.workloads.get(key).is_some_and(|found| found.plane == Some(DataPlane::Linkerd))
}

/// Whether objects of a kind say who may call.
fn is_policy(kind: Kind) -> bool {
    match kind {
        Kind::InboundPolicy
        | Kind::AccessPolicy
        | Kind::Server
        | Kind::ServerAuthorization
        | Kind::AuthorizationPolicy
        | Kind::MeshTlsAuthentication
        | Kind::NetworkAuthentication
        | Kind::LinkerdHttpRoute
        | Kind::RateLimitPolicy => true,
        Kind::Namespace
        | Kind::Node
        | Kind::Pod
        | Kind::ServiceCidr
        | Kind::Service
        | Kind::EndpointSlice
        | Kind::HttpRoute
        | Kind::Mesh
        | Kind::ExternalWorkload
        | Kind::EgressNetwork
        | Kind::ServiceProfile
        | Kind::LinkerdExternalWorkload => false,
    }
}

/// As lines below a verdict.
pub(super) fn text(notes: &BTreeSet<Diagnostic>) -> String {
    let line = |Diagnostic { object, field, reason, message }: &Diagnostic| {
        let at = if field.is_empty() { String::new() } else { format!(" {field}") };
        format!("  {:<11} {message}  [{object}{at}: {reason}]\n", "note")
    };
    notes.iter().map(line).collect()
}

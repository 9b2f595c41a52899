//! Findings about the objects that decided a request, or might have.

use crate::world::World;
use heddle_decide::Verdict;
use heddle_decide::verdict::{Candidate, Destination, Outcome, ShareTarget, Step};
use heddle_model::fact::DataPlane;
use heddle_model::snapshot::{Key, RouteKey};
use heddle_model::{Kind, Name, Snapshot, SourceRef, WorkloadKey};
use heddle_status::{Finding, all_findings, findings};
use std::collections::BTreeSet;

/// The number of notes that are printed as text.
const PRINTED: usize = 20;

/// Returns the findings of the objects that decided and of those that might have (one that cannot be read, or that
/// targets what is not there, decides nothing), and what their proxies cannot do.
pub(super) fn notes(world: &World, verdict: &Verdict) -> BTreeSet<Finding> {
    let snapshot = &world.snapshot;
    let candidates = candidates(verdict);
    let servers: BTreeSet<&WorkloadKey> =
        candidates.iter().filter_map(|candidate| candidate.workload.as_ref()).collect();
    let surroundings = Surroundings::new(verdict, &servers);
    let mut all = all_findings(snapshot, world.limitations.by_object());
    all.retain(|finding| surroundings.has(&finding.object));
    for object in decided(verdict, &candidates) {
        all.extend(findings(snapshot, world.limitations.by_object(), &object));
    }
    let servers = servers.into_iter().cloned().map(Key::Workload);
    let keys: Vec<Key> = servers.chain(table(snapshot, verdict).map(Key::Routes)).collect();
    all.extend(keys.iter().flat_map(|key| world.limitations.at(key)).map(Finding::from));
    all
}

/// The namespaces whose objects might have decided.
struct Surroundings<'a> {
    service: Option<SourceRef>,
    servers: BTreeSet<&'a Name>,
    client: Option<&'a Name>,
    outside: bool,
}

impl<'a> Surroundings<'a> {
    fn new(verdict: &'a Verdict, servers: &BTreeSet<&'a WorkloadKey>) -> Self {
        let mut servers: BTreeSet<&Name> = servers.iter().map(|key| &key.namespace).collect();
        let (mut service, mut outside) = (None, false);
        match &verdict.destination {
            Destination::Service(port) | Destination::Headless(port) | Destination::NoSuchPort(port) => {
                servers.insert(&port.service.namespace);
                service = Some(port.service.source());
            }
            Destination::Workload(key) => drop(servers.insert(&key.namespace)),
            Destination::Unknown | Destination::Outside => outside = true,
        }
        let client = verdict.caller.workload.as_ref().map(|key| &key.namespace);
        Self { service, servers, client, outside }
    }

    fn has(&self, object: &SourceRef) -> bool {
        let at_server = self.servers.contains(&object.namespace);
        match object.kind {
            Kind::InboundPolicy
            | Kind::AccessPolicy
            | Kind::Server
            | Kind::ServerAuthorization
            | Kind::AuthorizationPolicy
            | Kind::MeshTlsAuthentication
            | Kind::NetworkAuthentication
            | Kind::RateLimitPolicy => at_server,
            Kind::HttpRoute | Kind::GrpcRoute | Kind::LinkerdHttpRoute | Kind::ServiceProfile => {
                at_server || self.client == Some(&object.namespace)
            }
            Kind::Service => self.service.as_ref() == Some(object),
            Kind::EgressNetwork => self.outside,
            Kind::Namespace => self.servers.contains(&object.name) || self.client == Some(&object.name),
            Kind::Mesh => true,
            Kind::Node
            | Kind::Pod
            | Kind::ServiceCidr
            | Kind::ReferenceGrant
            | Kind::EndpointSlice
            | Kind::ExternalWorkload
            | Kind::LinkerdExternalWorkload => false,
        }
    }
}

fn candidates(verdict: &Verdict) -> Vec<&Candidate> {
    let Outcome::Forwarded(forward) = &verdict.outcome else { return Vec::new() };
    let shares = forward.shares.iter().filter_map(|share| match &share.to {
        ShareTarget::Endpoints { candidates, .. } => Some(candidates),
        ShareTarget::Broken { .. } => None,
    });
    shares.flatten().collect()
}

fn decided(verdict: &Verdict, candidates: &[&Candidate]) -> BTreeSet<SourceRef> {
    let steps = candidates.iter().flat_map(|candidate| &candidate.steps).chain(&verdict.steps);
    steps.filter_map(|Step { source, topic: _, text: _, field: _ }| source.clone()).collect()
}

/// The table of a linkerd2-proxy's requests.
fn table(snapshot: &Snapshot, verdict: &Verdict) -> Option<RouteKey> {
    let client = verdict.caller.workload.as_ref().filter(|key| is_linkerd(snapshot, key))?;
    let Destination::Service(port) = &verdict.destination else { return None };
    let key = |consumer: Option<Name>| RouteKey { port: port.clone(), consumer };
    let own = key(Some(client.namespace.clone()));
    Some(if snapshot.routes.contains_key(&own) { own } else { key(None) })
}

fn is_linkerd(snapshot: &Snapshot, key: &WorkloadKey) -> bool {
    snapshot.workloads.get(key).is_some_and(|found| found.plane == Some(DataPlane::Linkerd))
}

/// As lines below a verdict.
pub(super) fn text(notes: &BTreeSet<Finding>) -> String {
    let line = |Finding { object, field, severity: _, reason, message }: &Finding| {
        let at = if field.is_empty() { String::new() } else { format!(" {field}") };
        format!("  {:<11} {message}  [{object}{at}: {reason}]\n", "note")
    };
    let mut text: String = notes.iter().take(PRINTED).map(line).collect();
    if notes.len() > PRINTED {
        text += &format!("  {:<11} {} more, see heddle lint\n", "note", notes.len() - PRINTED);
    }
    text
}

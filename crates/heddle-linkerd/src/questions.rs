//! Everything that a proxy may ask: for whoever shows what it is told.

use crate::ProxyRequest;
use heddle_model::fact::ServiceForm;
use heddle_model::snapshot::Workload;
use heddle_model::{ServicePortKey, Snapshot, WorkloadKey};
use heddle_proto::io::linkerd::proxy::outbound::backend::{self, endpoint_discovery};
use heddle_proto::io::linkerd::proxy::outbound::http_route::distribution;
use heddle_proto::io::linkerd::proxy::outbound::proxy_protocol::Kind;
use heddle_proto::io::linkerd::proxy::outbound::{Backend, OutboundPolicy, opaque_route};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Returns what the proxy of a workload may ask to begin with: its own ports, one that nobody declares last, and each address
/// that a Service is dialled by. What it asks then is in the answers, as [`names`] finds it.
pub fn questions(workload: &WorkloadKey, snapshot: &Snapshot) -> Vec<ProxyRequest> {
    let own = snapshot.workloads.get(workload).map_or_else(Vec::new, |found| ports(found));
    let inbound = own.into_iter().map(|port| ProxyRequest::Inbound { port: port.into() });
    let outbound = targets(snapshot).into_iter().map(|target| ProxyRequest::Outbound { target });
    inbound.chain(outbound).collect()
}

fn ports(workload: &Workload) -> Vec<u16> {
    let declared: BTreeSet<u16> = workload.inbound.iter().map(|inbound| inbound.port).collect();
    let other = (1..=u16::MAX).rev().find(|port| !declared.contains(port));
    declared.into_iter().chain(other).collect()
}

fn targets(snapshot: &Snapshot) -> BTreeSet<SocketAddr> {
    let mut all = BTreeSet::new();
    for (key, service) in snapshot.services.iter() {
        for port in service.ports.iter().map(|port| port.number) {
            match &service.form {
                ServiceForm::Virtual(addresses) => all.extend(addresses.iter().map(|ip| (*ip, port))),
                ServiceForm::Headless => {
                    let found = snapshot.endpoints.get(&ServicePortKey { service: key.clone(), port });
                    let endpoints = found.into_iter().flat_map(|found| &found.items);
                    all.extend(endpoints.map(|endpoint| (endpoint.address, endpoint.port)));
                }
                ServiceForm::External(_) => {}
            }
        }
    }
    all.into_iter().map(SocketAddr::from).collect()
}

/// The names in a policy that `Destination.Get` is then asked about.
pub fn names(policy: &OutboundPolicy) -> BTreeSet<String> {
    let (routes, opaque) = match policy.protocol.as_ref().and_then(|protocol| protocol.kind.as_ref()) {
        Some(Kind::Detect(of)) => (of.http1.as_ref().map(|http| http.routes.as_slice()), of.opaque.as_ref()),
        Some(Kind::Opaque(of)) => (None, Some(of)),
        // We say neither.
        Some(Kind::Http1(_) | Kind::Http2(_) | Kind::Grpc(_) | Kind::Tls(_)) | None => (None, None),
    };
    let mut names = BTreeSet::new();
    for rule in routes.into_iter().flatten().flat_map(|route| &route.rules) {
        match rule.backends.as_ref().and_then(|backend| backend.kind.as_ref()) {
            Some(distribution::Kind::FirstAvailable(of)) => {
                names.extend(of.backends.iter().filter_map(|backend| name(backend.backend.as_ref()?)));
            }
            Some(distribution::Kind::RandomAvailable(of)) => {
                let backends = of.backends.iter().filter_map(|backend| backend.backend.as_ref());
                names.extend(backends.filter_map(|backend| name(backend.backend.as_ref()?)));
            }
            Some(distribution::Kind::Empty(_)) | None => {}
        }
    }
    for rule in opaque.into_iter().flat_map(|opaque| &opaque.routes).flat_map(|route| &route.rules) {
        if let Some(opaque_route::distribution::Kind::FirstAvailable(of)) =
            rule.backends.as_ref().and_then(|backend| backend.kind.as_ref())
        {
            names.extend(of.backends.iter().filter_map(|backend| name(backend.backend.as_ref()?)));
        }
    }
    names
}

fn name(given: &Backend) -> Option<String> {
    let Some(backend::Kind::Balancer(given)) = &given.kind else { return None };
    let endpoint_discovery::Kind::Dst(get) = given.discovery.as_ref()?.kind.as_ref()?;
    Some(get.path.clone())
}

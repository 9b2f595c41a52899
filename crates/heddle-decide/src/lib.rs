//! A request and a Snapshot in, a verdict and its reasons out.
//!
//! [`decide`] is what the mesh means. `heddle explain` prints its answer, and what every data plane emits is
//! held against it: where a proxy does otherwise, the proxy's configuration is wrong.
//!
//! What is decided, in order: who the client is and whether a proxy captures its traffic; what the dialled
//! address is; for a Service port what is spoken, which rule of which route matches, and which shares go
//! where; for each endpoint that may be chosen how it is dialled, and whether the server's side admits it.

mod access;
mod destination;
mod endpoint;
mod explain;
mod matching;
mod path;
pub mod request;
mod routing;
mod server;
pub mod verdict;

pub use explain::explain;
pub use request::{Call, Client, HttpCall, Request};
pub use verdict::Verdict;

use crate::endpoint::Place;
use crate::server::Target;
use crate::verdict::{Caller, Carried, Destination, Forward, Outcome, Share, ShareTarget, Step, Topic};
use heddle_model::fact::Egress;
use heddle_model::http::HeaderChange;
use heddle_model::snapshot::{Transport, Workload};
use heddle_model::{Kind, ServicePortKey, Snapshot, SourceRef, WorkloadKey};
use std::net::IpAddr;

/// The Snapshot as one caller sees it.
pub(crate) struct View<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) caller: Caller,
    pub(crate) place: Place,
    addresses: Vec<IpAddr>,
}

impl View<'_> {
    /// The address that a connection to `to` comes from: the caller's own of the same family.
    pub(crate) fn from(&self, to: IpAddr) -> Option<IpAddr> {
        let same = self.addresses.iter().find(|from| from.is_ipv4() == to.is_ipv4());
        same.or(self.addresses.first()).copied()
    }
}

/// What happens to a request, and why.
pub fn decide(snapshot: &Snapshot, request: &Request) -> Verdict {
    let mut steps = Vec::new();
    let view = view(snapshot, &request.client, &mut steps);
    let (destination, step) = destination::find(snapshot, request.address, request.port);
    steps.push(step);
    let outcome = match unable(&view) {
        Some(why) => Outcome::Refused { why },
        None => outcome(&view, &destination, request, &mut steps),
    };
    Verdict { caller: view.caller, destination, outcome, steps }
}

fn view<'a>(snapshot: &'a Snapshot, client: &Client, steps: &mut Vec<Step>) -> View<'a> {
    let workload = match client {
        Client::Workload(key) => snapshot.workloads.get(key).map(|found| &**found),
        Client::Outside(_) => None,
    };
    let proxied = workload.is_some_and(|found| found.plane.is_some() && !found.host_network);
    steps.push(client_step(snapshot, client, workload, proxied));
    let key = match client {
        Client::Workload(key) => Some(key.clone()),
        Client::Outside(_) => None,
    };
    let identity = workload.and_then(|found| found.identity.clone());
    let addresses = match client {
        Client::Workload(_) => workload.map(|found| found.addresses.clone()).unwrap_or_default(),
        Client::Outside(address) => vec![*address],
    };
    let place = workload
        .map(|found| Place { node: found.node.clone(), zone: found.zone.clone() })
        .unwrap_or_default();
    View { snapshot, caller: Caller { workload: key, identity, proxied }, place, addresses }
}

fn client_step(snapshot: &Snapshot, client: &Client, found: Option<&Workload>, proxied: bool) -> Step {
    let (source, text) = match (client, found) {
        (Client::Outside(address), _) => (None, format!("{address} is not of the mesh")),
        (Client::Workload(key), None) => (Some(key.source()), format!("{key} is not known")),
        (Client::Workload(key), Some(found)) => {
            let who = found.identity.as_ref().map(|id| id.spiffe(&snapshot.mesh.trust_domain));
            let who = who.unwrap_or_else(|| "nobody (no identity)".into());
            let how = if proxied { "with a proxy" } else { "without a proxy: proves nothing" };
            (Some(key.source()), format!("{key} is {who}, {how}"))
        }
    };
    Step::new(Topic::Client, source, "", text)
}

/// Why a proxied client can send nothing at all.
fn unable(view: &View) -> Option<String> {
    let unable = view.caller.proxied && view.caller.identity.is_none();
    unable.then(|| "the client has no identity, so its proxy has no configuration".into())
}

fn outcome(view: &View, destination: &Destination, request: &Request, steps: &mut Vec<Step>) -> Outcome {
    match destination {
        Destination::Service(port) => to_service(view, port, &request.call, steps),
        Destination::Headless(port) => to_endpoint(view, port, request, steps),
        Destination::Workload(key) => to_workload(view, key, request, steps),
        Destination::NoSuchPort(port) => {
            Outcome::Refused { why: format!("Service {} has no port {}", port.service, port.port) }
        }
        Destination::Unknown if view.caller.proxied => {
            Outcome::Refused { why: format!("{} is of the mesh, and unknown", request.address) }
        }
        Destination::Outside if view.caller.proxied => to_outside(view, steps),
        Destination::Unknown | Destination::Outside => Outcome::PassedThrough,
    }
}

fn to_service(view: &View, port: &ServicePortKey, call: &Call, steps: &mut Vec<Step>) -> Outcome {
    if view.caller.proxied {
        return routing::route(view, port, call, steps);
    }
    steps.push(Step::new(Topic::Route, None, "", "the client has no proxy: no route applies"));
    Outcome::Forwarded(routing::own_endpoints(view, port, Carried::Bytes, call))
}

/// One endpoint of a headless Service, dialled by its address: no route, no balancing, its own identity.
fn to_endpoint(view: &View, port: &ServicePortKey, request: &Request, steps: &mut Vec<Step>) -> Outcome {
    let carried = match (view.caller.proxied, routing::carried(view, port, &request.call, steps)) {
        (true, Ok(carried)) => carried,
        (true, Err(why)) => return Outcome::Refused { why },
        (false, _) => Carried::Bytes,
    };
    let endpoints = view.snapshot.endpoints.get(port);
    let endpoint = endpoints.and_then(|all| {
        all.items.iter().find(|item| item.address == request.address && item.port == request.port)
    });
    let candidates = endpoint
        .map(|endpoint| server::reach(view, endpoint.into(), carried, &request.call))
        .into_iter()
        .collect();
    Outcome::Forwarded(alone(Some(port.clone()), carried, candidates))
}

fn to_workload(view: &View, key: &WorkloadKey, request: &Request, steps: &mut Vec<Step>) -> Outcome {
    let workload = view.snapshot.workloads.get(key);
    let transport = workload.map_or(Transport::Refused, |found| server::transport_to(found, request.port));
    let target = Target {
        address: request.address,
        port: request.port,
        workload: Some(key),
        transport,
        draining: false,
    };
    steps.push(Step::new(Topic::Protocol, None, "", "dialled by its own address: carried as bytes"));
    let candidate = server::reach(view, target, Carried::Bytes, &request.call);
    Outcome::Forwarded(alone(None, Carried::Bytes, vec![candidate]))
}

fn alone(service: Option<ServicePortKey>, carried: Carried, candidates: Vec<verdict::Candidate>) -> Forward {
    let to = ShareTarget::Endpoints {
        service,
        request_headers: HeaderChange::default(),
        response_headers: HeaderChange::default(),
        candidates,
    };
    Forward { carried, route: None, shares: vec![Share { weight: 1, of: 1, to }] }
}

fn to_outside(view: &View, steps: &mut Vec<Step>) -> Outcome {
    let mesh = Some(SourceRef::new(Kind::Mesh, "", "default"));
    let (outcome, text) = match view.snapshot.mesh.egress {
        Egress::Allow => (Outcome::PassedThrough, "egress is Allow: passed through as it is"),
        Egress::Deny => {
            (Outcome::Refused { why: "the mesh's egress is Deny".into() }, "egress is Deny: refused")
        }
    };
    steps.push(Step::new(Topic::Destination, mesh, "spec.egress", text));
    outcome
}

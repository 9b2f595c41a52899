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
mod explain;
mod matching;
mod path;
pub mod request;
mod routing;
mod server;
pub mod verdict;

pub use explain::explain;
pub use request::{Call, Client, HttpCall, Request, Version};
pub use verdict::Verdict;

use crate::server::{Sent, Target};
use crate::verdict::{Caller, Carried, Destination, Forward, Outcome, Share, ShareTarget, Step, Topic};
use heddle_model::fact::{DataPlane, Egress, Mtls};
use heddle_model::locality::ClientPlace;
use heddle_model::route::RouteDefaults;
use heddle_model::snapshot::{Transport, Workload};
use heddle_model::{Family, Kind, Reach, ServicePortKey, Snapshot, SourceRef, WorkloadKey};
use std::net::IpAddr;

/// The Snapshot as one caller sees it.
pub(crate) struct View<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) caller: Caller,
    pub(crate) place: ClientPlace<'a>,
    /// The family of the dialled address.
    pub(crate) dialled: Family,
    addresses: Vec<IpAddr>,
}

impl View<'_> {
    /// The address that a connection to `to` comes from: the caller's own of the same family.
    pub(crate) fn from(&self, to: IpAddr) -> Option<IpAddr> {
        let same = self.addresses.iter().find(|from| from.is_ipv4() == to.is_ipv4());
        same.or(self.addresses.first()).copied()
    }
}

/// Returns what happens to a request, and why.
pub fn decide(snapshot: &Snapshot, request: &Request) -> Verdict {
    let mut steps = Vec::new();
    let view = view(snapshot, request, &mut steps);
    let (destination, step) =
        destination::find(snapshot, &reach(&request.client), request.address, request.port);
    steps.push(step);
    let outcome = match unable(&view) {
        Some(why) => Outcome::Refused { why },
        None => outcome(&view, &destination, request, &mut steps),
    };
    Verdict { caller: view.caller, destination, outcome, steps }
}

/// The clients that see the same owners of addresses as this one.
fn reach(client: &Client) -> Reach {
    match client {
        Client::Workload(key) => Reach::Namespace(key.namespace.clone()),
        Client::Outside(_) => Reach::Mesh,
    }
}

fn view<'a>(snapshot: &'a Snapshot, request: &Request, steps: &mut Vec<Step>) -> View<'a> {
    let client = &request.client;
    let workload = match client {
        Client::Workload(key) => snapshot.workloads.get(key).map(|found| &**found),
        Client::Outside(_) => None,
    };
    let plane = workload.filter(|found| !found.host_network).and_then(|found| found.plane);
    steps.push(client_step(snapshot, client, workload, plane));
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
        .map(|found| ClientPlace { node: found.node.as_ref(), zone: found.zone.as_ref() })
        .unwrap_or_default();
    let caller = Caller { workload: key, identity, plane };
    View { snapshot, caller, place, dialled: Family::of(request.address), addresses }
}

fn client_step(
    snapshot: &Snapshot,
    client: &Client,
    found: Option<&Workload>,
    plane: Option<DataPlane>,
) -> Step {
    let (source, text) = match (client, found) {
        (Client::Outside(address), _) => (None, format!("{address} is not of the mesh")),
        (Client::Workload(key), None) => (Some(key.source()), format!("{key} is not known")),
        (Client::Workload(key), Some(found)) => {
            let who = found.identity.as_ref().map(|id| id.spiffe(&snapshot.mesh.trust_domain));
            let who = who.unwrap_or_else(|| "nobody (no identity)".into());
            let how = match plane {
                Some(DataPlane::Envoy) => "with a proxy",
                Some(DataPlane::Linkerd) => "with a linkerd2-proxy",
                None => "without a proxy: proves nothing",
            };
            (Some(key.source()), format!("{key} is {who}, {how}"))
        }
    };
    Step::new(Topic::Client, source, "", text)
}

/// Returns why a proxied client can send nothing at all.
fn unable(view: &View) -> Option<String> {
    let unable = view.caller.proxied() && view.caller.identity.is_none();
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
        Destination::Unknown | Destination::Outside if view.caller.proxied() => {
            past_the_mesh(view, request, steps)
        }
        Destination::Unknown | Destination::Outside => Outcome::PassedThrough,
    }
}

fn to_service(view: &View, port: &ServicePortKey, call: &Call, steps: &mut Vec<Step>) -> Outcome {
    if view.caller.proxied() {
        return routing::route(view, port, call, steps);
    }
    steps.push(Step::new(Topic::Route, None, "", "the client has no proxy: no route applies"));
    Outcome::Forwarded(routing::own_endpoints(view, port, Carried::Bytes, call))
}

/// One endpoint of a headless Service, dialled by its address: no route, no balancing, its own identity.
fn to_endpoint(view: &View, port: &ServicePortKey, request: &Request, steps: &mut Vec<Step>) -> Outcome {
    let endpoints = view.snapshot.endpoints.get(port).into_iter().flat_map(|all| &all.items);
    let found = endpoints.into_iter().find(|one| one.address == request.address && one.port == request.port);
    let shares_node = found.and_then(|one| view.snapshot.workloads.get(one.workload.as_ref()?));
    if view.caller.proxied() && shares_node.is_some_and(|workload| workload.host_network) {
        return past_the_mesh(view, request, steps);
    }
    steps.push(by_address());
    let candidates = found.map(|one| server::reach(view, Target::new(view, one), bytes(&request.call)));
    Outcome::Forwarded(alone(Some(port.clone()), candidates.into_iter().collect()))
}

/// A workload's own address: every port is carried as its workload's identity. Only an Envoy whose Mesh does not name
/// the network does not know whose a port is that nobody declares: then its address is what decides.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other variants are alike here")]
fn to_workload(view: &View, key: &WorkloadKey, request: &Request, steps: &mut Vec<Step>) -> Outcome {
    let (address, port) = (request.address, request.port);
    let Some(workload) = view.snapshot.workloads.get(key) else {
        return past_the_mesh(view, request, steps);
    };
    let known = workload.port(port).is_some() || view.snapshot.closed_network_of(address).is_some();
    let transport = match view.caller.plane {
        Some(DataPlane::Envoy) if !known => {
            let text = format!("nobody declares port {port} of {key}, and no network of the mesh holds it");
            steps.push(Step::new(Topic::Protocol, Some(key.source()), "", text));
            if workload.undeclared.mtls == Mtls::Strict {
                return Outcome::Refused { why: format!("port {port} is Strict, and nobody declares it") };
            }
            match past_the_mesh(view, request, steps) {
                Outcome::PassedThrough => Transport::Plain,
                refused => return refused,
            }
        }
        plane => {
            steps.push(by_address());
            plane.map_or(Transport::Plain, |plane| workload.transport_from(plane, port))
        }
    };
    let target = Target { address, port, workload: Some(key), transport, draining: false };
    let candidate = server::reach(view, target, bytes(&request.call));
    Outcome::Forwarded(alone(None, vec![candidate]))
}

fn bytes(call: &Call) -> Sent<'_> {
    Sent { carried: Carried::Bytes, call }
}

fn by_address() -> Step {
    Step::new(Topic::Protocol, None, "", "dialled by its own address: carried as bytes")
}

/// Returns what a client's proxy does with an address that it has no destination for.
fn past_the_mesh(view: &View, request: &Request, steps: &mut Vec<Step>) -> Outcome {
    let address = request.address;
    match view.snapshot.closed_network_of(address) {
        Some((network, _)) => Outcome::Refused {
            why: format!("{address} port {} is of the mesh ({network}), and unknown", request.port),
        },
        None => to_outside(view, address, steps),
    }
}

fn alone(service: Option<ServicePortKey>, candidates: Vec<verdict::Candidate>) -> Forward {
    let to = ShareTarget::Endpoints {
        service,
        filters: Box::default(),
        absent: candidates.is_empty().then(|| "no endpoint has this address".into()),
        candidates,
    };
    let shares = vec![Share { weight: 1, total: 1, to }];
    Forward {
        carried: Carried::Bytes,
        route: None,
        limits: RouteDefaults::default(),
        shares,
        mirrors: Vec::new(),
    }
}

/// EgressNetworks are for linkerd2-proxies; else, and where none speaks of the address, the Mesh decides.
fn to_outside(view: &View, address: IpAddr, steps: &mut Vec<Step>) -> Outcome {
    let named = match (view.caller.plane, &view.caller.workload) {
        (Some(DataPlane::Linkerd), Some(key)) => view.snapshot.egress_network(&key.namespace, address),
        (Some(DataPlane::Envoy | DataPlane::Linkerd) | None, _) => None,
    };
    let mesh = || (SourceRef::new(Kind::Mesh, "", "default"), "spec.egress", view.snapshot.mesh.egress);
    let (source, field, egress) =
        named.map_or_else(mesh, |(source, network)| (source.clone(), "spec.trafficPolicy", network.policy));
    let (outcome, text) = match egress {
        Egress::Allow => (Outcome::PassedThrough, "egress is Allow: passed through as it is"),
        Egress::Deny => (Outcome::Refused { why: "egress is Deny".into() }, "egress is Deny: refused"),
    };
    steps.push(Step::new(Topic::Destination, Some(source), field, text));
    outcome
}

//! The server's side of one endpoint.

use crate::View;
use crate::access::{self, Arrival, Governing};
use crate::path;
use crate::request::{Call, HttpCall};
use crate::verdict::{self, Admission, Candidate, Carried, Dial, Ground, Step, Topic, Would};
use heddle_model::access::{Governor, Sight};
use heddle_model::fact::{DataPlane, Mtls, Protocol};
use heddle_model::http::{Filters, HeaderChange};
use heddle_model::snapshot::{Endpoint, EndpointServer, Health, Transport, Workload};
use heddle_model::{PortRules, WorkloadKey};
use std::net::IpAddr;

/// The target of a request, and the form in which it arrives.
pub(crate) struct Target<'a> {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) workload: Option<&'a WorkloadKey>,
    pub(crate) transport: Transport,
    pub(crate) draining: bool,
}

impl<'a> Target<'a> {
    /// An endpoint of a Service, as the caller dials it.
    pub(crate) fn new(view: &View, endpoint: &'a Endpoint) -> Self {
        let transport = match view.caller.plane {
            Some(plane) => endpoint.transport_from(plane),
            None => Transport::Plain,
        };
        Self {
            address: endpoint.address,
            port: endpoint.port,
            workload: endpoint.workload.as_ref(),
            transport,
            draining: endpoint.health == Health::Draining,
        }
    }
}

/// The fate of a request at the server's side.
struct Fate {
    arrives: Option<Carried>,
    admission: Admission,
    audit: Vec<verdict::AuditHit>,
}

/// A request on its way.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'a> {
    /// As what the client's side carries it.
    pub(crate) carried: Carried,
    /// With the client's side's changes to its headers.
    pub(crate) call: &'a Call,
}

/// Follows a request to one endpoint.
pub(crate) fn reach(view: &View, target: Target, sent: Sent) -> Candidate {
    let workload = target.workload.and_then(|key| view.snapshot.workloads.get(key));
    let mut steps = Vec::new();
    let transport = dial(view, &target.transport, &mut steps);
    let fate = match (&transport, workload) {
        (Dial::Refused, _) => Fate::refused("the port is Strict and its workload has no identity to expect"),
        (Dial::Mesh(_) | Dial::Plain, None) => Fate::unenforced("nobody of the mesh is known there"),
        (Dial::Mesh(_) | Dial::Plain, Some(workload)) => {
            arrive(view, workload, &target, &transport, sent, &mut steps)
        }
    };
    Candidate {
        address: target.address,
        port: target.port,
        workload: target.workload.cloned(),
        draining: target.draining,
        transport,
        arrives: fate.arrives,
        admission: fate.admission,
        audit: fate.audit,
        steps,
    }
}

fn dial(view: &View, transport: &Transport, steps: &mut Vec<Step>) -> Dial {
    let (dial, text) = match (view.caller.proxied(), transport) {
        (false, _) => (Dial::Plain, "the client has no proxy: plain text".to_string()),
        (true, Transport::Plain) => {
            (Dial::Plain, "plain text: the server does not speak mesh TLS".to_string())
        }
        (true, Transport::Refused) => (Dial::Refused, "Strict, and no identity to expect".to_string()),
        (true, Transport::Mesh(identity)) => {
            let id = identity.spiffe(&view.snapshot.mesh.trust_domain);
            (Dial::Mesh(identity.clone()), format!("mesh TLS, server must be {id}"))
        }
    };
    steps.push(Step::new(Topic::Transport, None, "", text));
    dial
}

/// Returns why no proxy of ours sees connections to a port.
fn unseen(workload: &Workload, port: u16) -> Option<&'static str> {
    if workload.plane.is_none() {
        return Some("the workload has no proxy");
    }
    if workload.host_network {
        return Some("the workload shares its Node's network: no proxy captures its traffic");
    }
    let skipped = workload.skip_inbound_ports.contains(&port);
    skipped.then_some("the workload's proxy skips the port (heddle.dev/skip-inbound-ports)")
}

fn arrive(
    view: &View,
    workload: &Workload,
    target: &Target,
    dial: &Dial,
    sent: Sent,
    steps: &mut Vec<Step>,
) -> Fate {
    let meshed = matches!(dial, Dial::Mesh(_));
    if let Some(why) = unseen(workload, target.port) {
        steps.push(Step::new(Topic::Access, Some(workload.key.source()), "", format!("not enforced: {why}")));
        let nobody = || Fate::refused(&format!("nobody answers mesh TLS there: {why}"));
        return if meshed { nobody() } else { Fate::unenforced(why) };
    }
    if workload.captures_at(target.port) {
        return Fate::refused("the port is the proxy's own, at which it captures traffic");
    }
    if workload.identity.is_none() {
        return Fate::refused(
            "the workload has no identity: its proxy has no configuration and lets nothing in",
        );
    }
    let port = workload.rules_at(target.port);
    steps.push(mode_step(&port, meshed));
    if port.mtls == Mtls::Strict && !meshed {
        return Fate::refused("the port is Strict and the connection is not mesh TLS");
    }
    let server = workload.server(target.port);
    if let (Some(server), Call::Tls) = (server, sent.call)
        && !server.takes_foreign_tls()
    {
        return Fate::refused(
            "linkerd2-proxy takes the port for HTTP, and TLS of the application's own is not",
        );
    }
    let is_seen = match (view.caller.plane, server) {
        (Some(client), Some(server)) if meshed => tells_requests(client, server, sent.carried),
        (Some(_), Some(_) | None) | (None, _) => true,
    };
    match seen(port.protocol, meshed, is_seen, sent.call) {
        Ok(Some(http)) if workload.plane == Some(DataPlane::Envoy) => {
            admit_by_envoy(view, &port, target.address, meshed, http, steps)
        }
        Ok(http) => admit(view, &port, target.address, meshed, http, steps),
        Err(why) => Fate::refused(why),
    }
}

/// An Envoy answers some requests by itself, and opens a tunnel only where no policy looks at what would pass it.
fn admit_by_envoy(
    view: &View,
    port: &PortRules,
    to: IpAddr,
    meshed: bool,
    http: &HttpCall,
    steps: &mut Vec<Step>,
) -> Fate {
    if let Some((status, why)) = path::fault(http) {
        return Fate::answered(status, why, steps);
    }
    if http.is_tunnel() && port.access.minds_requests() {
        let admission = Admission::Denied(Ground::Tunnel);
        steps.extend(access_steps(&admission, &[]));
        return Fate { arrives: Some(Carried::Http), admission, audit: Vec::new() };
    }
    admit(view, port, to, meshed, Some(http), steps)
}

fn admit(
    view: &View,
    port: &PortRules,
    to: IpAddr,
    meshed: bool,
    http: Option<&HttpCall>,
    steps: &mut Vec<Step>,
) -> Fate {
    let resolved = match http.filter(|_| port.access.minds_paths()).map(path::resolved) {
        Some(None) => return Fate::answered(400, "the path has %00", steps),
        Some(resolved) => resolved,
        None => None,
    };
    let arrival = Arrival {
        identity: view.caller.identity.as_ref().filter(|_| meshed),
        trust_domain: &view.snapshot.mesh.trust_domain,
        address: view.from(to),
        http: resolved.as_ref().or(http),
    };
    let admission = access::admit(port.access, &arrival);
    let audit = access::audit(port.access, &arrival);
    steps.extend(governing_steps(&access::governing(port.access, &arrival)));
    steps.extend(access_steps(&admission, &audit));
    let arrives = if http.is_some() { Carried::Http } else { Carried::Bytes };
    Fate { arrives: Some(arrives), admission, audit }
}

/// Returns whether the server's proxy learns of requests within mesh TLS. An Envoy that detects is told by ALPN, which names
/// HTTP only where the client's proxy opened the connection for HTTP.
fn tells_requests(client: DataPlane, server: EndpointServer, carried: Carried) -> bool {
    let by_client = match server.plane {
        DataPlane::Envoy => carried == Carried::Http,
        DataPlane::Linkerd => true,
    };
    by_client && server.sees_requests_of(client)
}

/// The request as the server's proxy sees it: `None` where it sees bytes.
///
/// A port that detects may not be told that there are requests within mesh TLS (`told`).
fn seen(
    protocol: Protocol,
    meshed: bool,
    told: bool,
    call: &Call,
) -> Result<Option<&HttpCall>, &'static str> {
    const NOT_HTTP: &str = "the port speaks HTTP and these bytes are not";
    match (protocol, call) {
        (Protocol::Tcp | Protocol::Opaque, _) => Ok(None),
        (Protocol::Detect, Call::Http(http)) => Ok(told.then_some(http)),
        (Protocol::Http | Protocol::Http2 | Protocol::Grpc, Call::Http(http)) => Ok(Some(http)),
        (Protocol::Detect, Call::Tcp | Call::Tls) => Ok(None),
        (Protocol::Http | Protocol::Http2 | Protocol::Grpc, Call::Tls) if !meshed => Ok(None),
        (Protocol::Http | Protocol::Http2 | Protocol::Grpc, Call::Tcp | Call::Tls) => Err(NOT_HTTP),
    }
}

/// The call after a rule's and a backend's filters: what the server's policies look at.
pub(crate) fn changed(call: &Call, changes: &[&Filters]) -> Call {
    let Call::Http(http) = call else { return call.clone() };
    let mut http = http.clone();
    for Filters { request: HeaderChange { set, add, remove }, response: _, host, path } in changes {
        let lower = |name: &heddle_model::Name| name.to_ascii_lowercase();
        let gone: Vec<String> = remove.iter().chain(set.iter().map(|(name, _)| name)).map(lower).collect();
        http.headers.retain(|(name, _)| !gone.contains(name));
        let new = set.iter().chain(add).map(|(name, value)| (lower(name), value.to_string()));
        http.headers.extend(new);
        if let Some(host) = host {
            http.authority = host.to_string();
        }
        if let Some(change) = path {
            http.path = change.of(&http.path);
        }
    }
    Call::Http(http)
}

fn mode_step(port: &PortRules, meshed: bool) -> Step {
    let mode = verdict::mtls_word(port.mtls);
    let field = if port.mtls_source.is_some() { "spec.mtls" } else { "" };
    let caller = if meshed { "the caller is authenticated" } else { "the caller is unauthenticated" };
    let text = format!("server's mTLS is {mode}: {caller}");
    Step::new(Topic::Transport, port.mtls_source.cloned(), field, text)
}

/// The routes whose policies hold for a request, and why.
fn governing_steps(governing: &Governing) -> Vec<Step> {
    let Governing::Entry(routes, entry) = governing else { return Vec::new() };
    let several = entry.governors.len() > 1;
    let text = |governor: &Governor| match (governor.sight, several) {
        (Sight::Clear, false) => "the server takes the request for one of this route: its policies hold",
        (Sight::Clear, true) => {
            "the server cannot tell the request from those of this route: its policies must admit too"
        }
        (Sight::Blurred, _) => {
            "the server cannot tell the requests of this route, and this may be one: its Deny holds, its Allow admits nothing"
        }
    };
    let named = routes.at(&entry.governors).filter(|governor| !governor.policies.is_empty());
    named.map(|governor| Step::new(Topic::Access, governor.route.clone(), "", text(governor))).collect()
}

fn access_steps(admission: &Admission, audit: &[verdict::AuditHit]) -> Vec<Step> {
    let mut steps = Vec::new();
    match admission {
        Admission::Allowed(ground) => steps.push(ground_step("allowed", ground)),
        Admission::Denied(ground) => steps.push(ground_step("denied", ground)),
        Admission::Unenforced { .. } | Admission::Answered { .. } | Admission::Refused { .. } => {}
    }
    for hit in audit {
        let (field, text) = match hit.would {
            Would::Deny { rule } => (format!("spec.rules[{rule}]"), "would deny (Audit)"),
            Would::Allow { rule } => (format!("spec.rules[{rule}]"), "would allow (Audit)"),
            Would::NotAllow => ("spec.rules".to_string(), "would not allow: no rule matches (Audit)"),
        };
        steps.push(Step::new(Topic::Audit, Some(hit.policy.clone()), field, text));
    }
    steps
}

fn ground_step(word: &str, ground: &Ground) -> Step {
    match ground {
        Ground::Rule { policy, rule, action: _ } => {
            let text = format!("{word} by this rule");
            Step::new(Topic::Access, Some(policy.clone()), format!("spec.rules[{rule}]"), text)
        }
        Ground::LowerEscape => {
            let text = format!("{word}: policies compare escapes, and the path has one in lower case");
            Step::new(Topic::Access, None, "", text)
        }
        Ground::Tunnel => {
            let text = format!("{word}: policies look at requests here, and would see none within a tunnel");
            Step::new(Topic::Access, None, "", text)
        }
        Ground::NotRouted => {
            let text = format!("{word}: routes are attached to the port and the request is none of theirs");
            Step::new(Topic::Access, None, "", text)
        }
        Ground::NoRuleMatches { policies } => {
            let text = match policies.len() {
                1 => format!("{word}: this Allow covers the request and no rule of it matches"),
                n => format!("{word}: {n} Allow policies cover the request and no rule of them matches"),
            };
            Step::new(Topic::Access, policies.first().cloned(), "spec.rules", text)
        }
        Ground::Posture { posture, source } => {
            let text =
                format!("{word}: no Allow covers the request; posture {}", verdict::posture_word(*posture));
            let field = match source.as_ref().map(|source| source.kind) {
                Some(heddle_model::Kind::Namespace) => "metadata.annotations[heddle.dev/default-posture]",
                Some(heddle_model::Kind::Mesh) => "spec.defaultPosture",
                Some(heddle_model::Kind::Server) => "spec.accessPolicy",
                Some(_) => "metadata.annotations[config.linkerd.io/default-inbound-policy]",
                None => "",
            };
            Step::new(Topic::Access, source.clone(), field, text)
        }
    }
}

impl Fate {
    fn refused(why: &str) -> Self {
        Self { arrives: None, admission: Admission::Refused { why: why.into() }, audit: Vec::new() }
    }

    fn answered(status: u16, why: &'static str, steps: &mut Vec<Step>) -> Self {
        steps.push(Step::new(Topic::Access, None, "", format!("answered {status}: {why}")));
        Self {
            arrives: Some(Carried::Http),
            admission: Admission::Answered { status, why },
            audit: Vec::new(),
        }
    }

    fn unenforced(why: &str) -> Self {
        Self { arrives: None, admission: Admission::Unenforced { why: why.into() }, audit: Vec::new() }
    }
}

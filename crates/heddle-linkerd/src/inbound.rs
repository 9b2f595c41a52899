//! Access to a workload's port, and its protocol.
//!
//! A proxy knows only lists of whom to admit: one for bytes, and one for each route, of which the best match counts.
//! So the policies' scopes and requests become routes, closed under what they have in common, and each has the callers
//! that the policies, taken together, admit there.

mod authz;
mod callers;
mod cell;
mod client;
mod networks;
mod routes;
mod supported;

use crate::l5d::{self, inbound as l5d_in};
use crate::meta;
use crate::tracked::TrackedSnapshot;
use callers::Mode;
use heddle_model::access::{Posture, RateLimit};
use heddle_model::fact::{Mesh, Mtls, Protocol};
use heddle_model::snapshot::Workload;
use heddle_model::{PortRules, SourceRef, WorkloadKey};
use l5d_in::http_local_rate_limit as limit;
use l5d_in::proxy_protocol as protocol;
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) use supported::Overreach;

/// The proxy's own administration: probes and metrics, of which it guards by itself what changes anything.
const ADMIN_PORT: u16 = 4191;
/// The time that the first bytes are waited for before a connection counts as bytes.
const DETECT: Duration = Duration::from_secs(10);
/// The same where only HTTP is spoken: its clients speak first, however late.
const DETECT_HTTP: Duration = Duration::from_secs(3600);

/// A port of a workload in its mesh.
pub(crate) struct Port<'a> {
    pub(crate) mesh: &'a Mesh,
    pub(crate) rules: PortRules<'a>,
}

/// The messages about a port for a proxy, and what it cannot do of what was meant.
struct Spoken {
    kind: protocol::Kind,
    authorizations: Vec<l5d_in::Authz>,
    excess: Vec<Overreach>,
}

/// The policy of a port; `None` where the workload has gone.
pub(crate) fn project(look: &TrackedSnapshot, key: &WorkloadKey, port: u16) -> Option<l5d_in::Server> {
    let workload = look.workload(key)?;
    if port == ADMIN_PORT || workload.skip_inbound_ports.contains(&port) {
        let kind =
            protocol::Kind::Detect(protocol::Detect { timeout: Some(DETECT.into()), ..Default::default() });
        return Some(server(kind, vec![authz::anyone("open")], labels(None, "open")));
    }
    let mesh = look.mesh();
    let port = Port { mesh, rules: workload.rules_at(port) };
    if workload.identity.is_none() || workload.host_network {
        let closed = protocol::Kind::Opaque(protocol::Opaque {});
        return Some(server(closed, Vec::new(), labels(None, "no-identity")));
    }
    let Spoken { kind, authorizations, excess: _ } = port.spoken();
    let posture = match port.rules.access.posture {
        Posture::Allow => "allow",
        Posture::Authenticated => "authenticated",
        Posture::Deny => "deny",
    };
    Some(server(kind, authorizations, labels(port.rules.mtls_source, posture)))
}

/// Returns what a workload's proxy cannot do of what was meant for its ports. A port is `None` for all that nobody declared.
pub(crate) fn excess(mesh: &Mesh, workload: &Workload) -> Vec<(Option<u16>, Overreach)> {
    let declared = workload.inbound.iter().map(|port| (Some(port.port), port.rules()));
    let ports = declared.chain([(None, workload.undeclared.rules())]);
    let ports = ports.map(|(number, rules)| (number, Port { mesh, rules }));
    ports
        .flat_map(|(number, port)| port.spoken().excess.into_iter().map(move |excess| (number, excess)))
        .collect()
}

impl Port<'_> {
    fn spoken(&self) -> Spoken {
        match (self.rules.protocol, self.rules.mtls) {
            (Protocol::Http | Protocol::Http2 | Protocol::Grpc, _) => self.requests(DETECT_HTTP, false),
            (Protocol::Detect, _) => self.requests(DETECT, true),
            // Mesh TLS is looked for by its server name; what else comes is passed on as it is.
            (Protocol::Tcp, Mtls::Strict | Mtls::Permissive) | (Protocol::Opaque, Mtls::Strict) => {
                self.bytes(protocol::Kind::Tls(protocol::Tls {}))
            }
            // Nothing is looked at: mesh TLS comes by the direct port only.
            (Protocol::Opaque, Mtls::Permissive) | (Protocol::Tcp | Protocol::Opaque, Mtls::Disabled) => {
                self.bytes(protocol::Kind::Opaque(protocol::Opaque {}))
            }
        }
    }

    fn bytes(&self, kind: protocol::Kind) -> Spoken {
        let mut policies = supported::policies(self.rules.access);
        let mut excess = std::mem::take(&mut policies.excess);
        let admitted =
            callers::of_bytes(self.rules.access, &policies.all(), Mode::of(self.rules.mtls), self.mesh);
        excess.extend(admitted.excess);
        Spoken { kind, authorizations: authz::messages(&admitted.grants, self.mesh), excess }
    }

    /// Both HTTP/1 and HTTP/2. What is neither is admitted where bytes are: a proxy adds those callers to every
    /// route too, which changes nothing, because whoever may send bytes may send any request.
    fn requests(&self, timeout: Duration, bytes_too: bool) -> Spoken {
        let bytes = match bytes_too {
            true => self.bytes(protocol::Kind::Tls(protocol::Tls {})),
            false => Spoken {
                kind: protocol::Kind::Tls(protocol::Tls {}),
                authorizations: Vec::new(),
                excess: Vec::new(),
            },
        };
        let (routes, mut excess) = routes::of_port(self, &bytes.authorizations);
        excess.extend(bytes.excess);
        excess.sort();
        excess.dedup();
        let kind = protocol::Kind::Detect(protocol::Detect {
            timeout: Some(timeout.into()),
            http_routes: routes,
            http_local_rate_limit: self.rules.rate_limit.map(|one| rate_limit(one, self.mesh)),
        });
        Spoken { kind, authorizations: bytes.authorizations, excess }
    }
}

fn server(
    kind: protocol::Kind,
    authorizations: Vec<l5d_in::Authz>,
    labels: BTreeMap<String, String>,
) -> l5d_in::Server {
    l5d_in::Server {
        protocol: Some(l5d_in::ProxyProtocol { kind: Some(kind) }),
        server_ips: Vec::new(),
        authorizations,
        labels,
    }
}

/// Without a name the whole policy would be invalid.
fn labels(source: Option<&SourceRef>, default: &str) -> BTreeMap<String, String> {
    let resource = source.map(meta::source).and_then(|source| source.kind).and_then(|kind| match kind {
        l5d::metadata::Kind::Resource(l5d::Resource { group, kind, name, .. }) => Some([group, kind, name]),
        l5d::metadata::Kind::Default(_) => None,
    });
    let values = resource.unwrap_or_else(|| [String::new(), "default".into(), default.into()]);
    ["group", "kind", "name"].map(String::from).into_iter().zip(values).collect()
}

/// A limit of 0 would be none at all.
fn rate_limit(given: &RateLimit, mesh: &Mesh) -> l5d_in::HttpLocalRateLimit {
    let RateLimit { source, total, identity, overrides } = given;
    let limit = |rate: &u32| limit::Limit { requests_per_second: (*rate).max(1) };
    let named = |clients: &std::collections::BTreeSet<heddle_model::Identity>| {
        let name = |client: &heddle_model::Identity| client.dns(&mesh.identity_suffix);
        clients.iter().map(|client| l5d_in::Identity { name: name(client) }).collect()
    };
    let overrides = overrides.iter().map(|(clients, rate)| limit::Override {
        limit: Some(limit(rate)),
        clients: Some(limit::r#override::ClientIdentities { identities: named(clients) }),
    });
    l5d_in::HttpLocalRateLimit {
        metadata: Some(meta::source(source)),
        total: total.as_ref().map(limit),
        identity: identity.as_ref().map(limit),
        overrides: overrides.collect(),
    }
}

//! Servers.

use super::selector::selector;
use crate::meta;
use crate::notes::Notes;
use crate::place::{Place, Wrong};
use crate::workload;
use heddle_model::fact::{Protocol, TargetPort};
use heddle_model::server::{Among, Server, Stance};

/// What Linkerd calls each stance.
pub(super) const STANCES: [(&str, Stance); 6] = [
    ("all-unauthenticated", Stance::All),
    ("all-authenticated", Stance::AllAuthenticated),
    ("cluster-unauthenticated", Stance::Cluster),
    ("cluster-authenticated", Stance::ClusterAuthenticated),
    ("deny", Stance::Deny),
    ("audit", Stance::Audit),
];

/// Linkerd detects where it is not told; here whatever else tells the protocol is heard first.
const PROTOCOLS: [(&str, Option<Protocol>); 6] = [
    ("unknown", None),
    ("HTTP/1", Some(Protocol::Http)),
    ("HTTP/2", Some(Protocol::Http2)),
    ("gRPC", Some(Protocol::Grpc)),
    ("opaque", Some(Protocol::Opaque)),
    ("TLS", Some(Protocol::Opaque)),
];

/// One whose workloads or port cannot be read is none, which closes its namespace. One with a field that is not
/// known admits nobody by itself.
pub(crate) fn lower(root: &Place<'_>, notes: &mut Notes) -> Result<Server, Wrong> {
    let spec = root.need("spec")?;
    spec.object()?;
    let known =
        spec.only(&["podSelector", "externalWorkloadSelector", "port", "proxyProtocol", "accessPolicy"]);
    let known = notes.take(known, "the access policy is deny");
    let (among, selected) = match (spec.get("podSelector"), spec.get("externalWorkloadSelector")) {
        (Some(pods), None) => (Among::Pods, pods),
        (None, Some(externals)) => (Among::Externals, externals),
        _ => return Err(spec.wrong("one of podSelector and externalWorkloadSelector must be set")),
    };
    let protocol = spec.get("proxyProtocol").map(|word| word.one_of(&PROTOCOLS));
    let protocol = protocol.and_then(|word| notes.take(word, "the protocol is not set"));
    let stance = spec.get("accessPolicy").map_or(Ok(Stance::Deny), |word| word.one_of(&STANCES));
    Ok(Server {
        among,
        selector: selector(&selected)?,
        port: port(&spec.need("port")?)?,
        protocol: protocol.flatten(),
        stance: notes.take(stance, "it is deny").filter(|_| known.is_some()).unwrap_or(Stance::Deny),
        labels: workload::labels(root, notes),
        created: meta::created(root),
    })
}

fn port(place: &Place<'_>) -> Result<TargetPort, Wrong> {
    match place.value().as_str() {
        Some(_) => Ok(TargetPort::Name(place.name()?.into())),
        None => Ok(TargetPort::Number(place.port()?)),
    }
}

//! Servers.

use super::selector::selector;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::meta;
use crate::workload;
use heddle_model::fact::{Protocol, TargetPort};
use heddle_model::server::{DefaultPolicy, Server, WorkloadClass};

/// Linkerd's name of each default policy.
pub(super) const STANCES: [(&str, DefaultPolicy); 6] = [
    ("all-unauthenticated", DefaultPolicy::All),
    ("all-authenticated", DefaultPolicy::AllAuthenticated),
    ("cluster-unauthenticated", DefaultPolicy::Cluster),
    ("cluster-authenticated", DefaultPolicy::ClusterAuthenticated),
    ("deny", DefaultPolicy::Deny),
    ("audit", DefaultPolicy::Audit),
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
pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<Server, FieldError> {
    let spec = root.need("spec")?;
    spec.object()?;
    let known =
        spec.only(&["podSelector", "externalWorkloadSelector", "port", "proxyProtocol", "accessPolicy"]);
    let known = notes.take(known, "the access policy is deny");
    let (among, selected) = match (spec.get("podSelector"), spec.get("externalWorkloadSelector")) {
        (Some(pods), None) => (WorkloadClass::Pods, pods),
        (None, Some(externals)) => (WorkloadClass::Externals, externals),
        _ => return Err(spec.wrong("one of podSelector and externalWorkloadSelector must be set")),
    };
    let protocol = spec.get("proxyProtocol").map(|word| word.one_of(&PROTOCOLS));
    let protocol = protocol.and_then(|word| notes.take(word, "the protocol is not set"));
    let default_policy =
        spec.get("accessPolicy").map_or(Ok(DefaultPolicy::Deny), |word| word.one_of(&STANCES));
    Ok(Server {
        among,
        selector: selector(&selected)?,
        port: port(&spec.need("port")?)?,
        protocol: protocol.flatten(),
        default_policy: notes
            .take(default_policy, "it is deny")
            .filter(|_| known.is_some())
            .unwrap_or(DefaultPolicy::Deny),
        labels: workload::labels(root, notes),
        created: meta::created(root),
    })
}

fn port(place: &Field<'_>) -> Result<TargetPort, FieldError> {
    match place.value().as_str() {
        Some(_) => Ok(TargetPort::Name(place.name()?.into())),
        None => Ok(TargetPort::Number(place.port()?)),
    }
}

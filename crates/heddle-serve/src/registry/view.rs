//! A client as it is shown. Times are seconds since 1970.

use super::{Client, Standpoint};
use crate::auth::Proof;
use heddle_session::{Refused, Variant};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// One open stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientView {
    /// A number that no other stream of this process had.
    pub id: u64,
    /// `pod/NAMESPACE/NAME` or `external/NAMESPACE/NAME`
    pub workload: String,
    /// `NAMESPACE/SERVICE ACCOUNT`
    pub identity: String,
    /// Its data plane.
    pub plane: String,
    /// Its name for itself: `envoy 1.40.0`.
    pub agent: String,
    /// `delta`, `sotw` or `linkerd`
    pub protocol: String,
    /// The groups whose resources it gets, the last one winning.
    pub groups: Vec<String>,
    /// The peer's address.
    pub peer: String,
    /// The proof of its identity: `certificate` or `token`.
    pub proof: String,
    /// The time at which the stream began.
    pub since: u64,
    /// The time at which its credential expires; the stream ends before.
    pub credential_expires: u64,
    /// The time at which the newest certificate that this process issued to it expires.
    pub certificate_expires: Option<u64>,
    /// Its state with each type that it asked for; for linkerd2-proxy, with each kind of stream.
    pub types: Vec<TypeView>,
}

/// The state of a client with one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeView {
    /// `CDS`, `EDS`, `LDS` or `RDS`; `Get`, `GetProfile`, `WatchPort` or `Watch`
    pub r#type: String,
    /// It asked for everything.
    pub wildcard: bool,
    /// Resources that it holds, or streams.
    pub held: usize,
    /// The newest state of which it was sent something.
    pub sent: Option<u64>,
    /// The newest state that it holds completely.
    pub settled: Option<u64>,
    /// Responses not answered.
    pub unanswered: usize,
    /// Resources that wait to be sent.
    pub pending: usize,
    /// The resources that it refuses.
    pub refused: Vec<RefusedView>,
}

/// A resource that a client refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedView {
    /// The resource.
    pub name: String,
    /// The content that was refused.
    pub version: String,
    /// The client's text.
    pub text: String,
    /// The objects that the resource was made from.
    pub objects: Vec<String>,
}

pub(super) fn client(id: u64, client: &Client, certificate: Option<SystemTime>) -> ClientView {
    let Client { workload, identity, variant, agent, groups, peer, proof, since, expires, standing } = client;
    ClientView {
        id,
        workload: workload.to_string(),
        identity: identity.to_string(),
        plane: "envoy".into(),
        agent: agent.clone(),
        protocol: protocol(*variant).into(),
        groups: groups.clone(),
        peer: peer.to_string(),
        proof: match proof {
            Proof::Certificate(_) => "certificate".into(),
            Proof::Token(_) => "token".into(),
        },
        since: seconds(*since),
        credential_expires: seconds(*expires),
        certificate_expires: certificate.map(seconds),
        types: standing().into_iter().map(standpoint).collect(),
    }
}

fn standpoint(standpoint: Standpoint) -> TypeView {
    let Standpoint { progress, objects } = standpoint;
    let objects = objects.into_iter().chain(std::iter::repeat(Vec::new()));
    let refused = progress.refused.into_iter().zip(objects).map(|(one, objects)| refused(one, objects));
    TypeView {
        r#type: progress.ty.short().into(),
        wildcard: progress.wildcard,
        held: progress.held,
        sent: progress.sent,
        settled: progress.settled,
        unanswered: progress.unanswered,
        pending: progress.pending,
        refused: refused.collect(),
    }
}

fn refused(refused: Refused, objects: Vec<String>) -> RefusedView {
    let Refused { name, version, text } = refused;
    RefusedView {
        name: name.to_string(),
        version: version.to_string(),
        text: text.as_ref().to_owned(),
        objects,
    }
}

/// The short name of a variant of the protocol.
pub(crate) fn protocol(variant: Variant) -> &'static str {
    match variant {
        Variant::Delta => "delta",
        Variant::Sotw => "sotw",
    }
}

pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

//! Reasons for which a caller is not served, or no longer, in words for whoever reads the proxy's log.

use crate::messages::BadMessage;
use crate::quota::Exceeded;
use heddle_model::name::BadWorkloadKey;
use heddle_model::text::{SHOWN_BYTES, printable};
use heddle_model::{Identity, Name, WorkloadKey};
use std::net::IpAddr;
use std::time::Duration;
use tonic::{Code, Status};

/// The reason for which a call is refused. The texts are stable: operators search for them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither a certificate nor a token came.
    #[error("the caller has no client certificate and sent no bearer token")]
    Anonymous,
    /// A certificate does not do here.
    #[error("a certificate is given to the bearer of a token only, and none came")]
    NoToken,
    /// The `authorization` metadata is something else.
    #[error("the authorization metadata is not \"Bearer <token>\"")]
    NotBearer,
    /// The token does not prove anything.
    #[error("the token is refused: {0}")]
    Token(String),
    /// The token cannot be checked now, or its workload is not known yet.
    #[error("{0}")]
    NotNow(String),
    /// This replica may have missed changes that others know.
    #[error("this replica has stale objects, connect to another: {0}")]
    Stale(String),
    /// The certificate counts no more. The handshake was before.
    #[error("the client certificate has expired")]
    Expired,
    /// The certificate is of another mesh whose root is trusted here.
    #[error("the client certificate is of trust domain {came:?}, want {want:?}")]
    TrustDomain {
        /// Its trust domain.
        came: Name,
        /// The trust domain of this mesh.
        want: Name,
    },
    /// The first message names no node.
    #[error("the first message has no node")]
    NoNode,
    /// It captures traffic, and cannot ask for what is dialled.
    #[error(
        "an Envoy whose traffic is captured asks for clusters as they are dialled, and would lose all others over the state of the world: set api_type to DELTA_GRPC"
    )]
    CapturedSotw,
    /// The node id does not name a workload.
    #[error("the node id {0}")]
    Node(#[from] BadWorkloadKey),
    /// No such workload, as far as is known here.
    #[error("the workload {0} is not known yet, try again")]
    Unknown(WorkloadKey),
    /// The token is bound to one workload, and the node id names another.
    #[error("the node id {named} is not the caller's: the token is of {own}")]
    OtherWorkload {
        /// The node id.
        named: WorkloadKey,
        /// The token's workload.
        own: WorkloadKey,
    },
    /// The workload has another identity.
    #[error("the node id {named} is not the caller's: the caller is {caller}")]
    OtherIdentity {
        /// The node id.
        named: WorkloadKey,
        /// The caller.
        caller: Identity,
    },
    /// The proxy's settings name no workload.
    #[error("the context {0}")]
    Context(String),
    /// `node.metadata` asks for something that there is not.
    #[error("node metadata \"heddle.capture\": {0}")]
    Capture(#[from] heddle_xds::BadCapture),
    /// It asks for what is not offered here.
    #[error("node metadata \"heddle.capture\": networks of a proxy's own (\"{0}\") are not served here")]
    OwnNetwork(heddle_xds::Capture),
    /// The workload has all streams that it may have.
    #[error("the workload {workload} has {most} streams already")]
    Streams {
        /// The workload.
        workload: WorkloadKey,
        /// The number that it may have.
        most: usize,
    },
    /// The client names too much.
    #[error("{0}")]
    Names(#[from] heddle_session::Refusal),
    /// Clients have too much kept for themselves.
    #[error("{who} has {came} bytes kept of names and questions of its own, want at most {most}")]
    Bytes {
        /// The workload, or the identity with all its workloads.
        who: String,
        /// The bytes that all of its streams keep here.
        came: usize,
        /// The limit.
        most: usize,
    },
    /// The connection cannot be one of so many.
    #[error("this replica has all connections that it may have, connect to another")]
    Full,
    /// The same of one address.
    #[error("the address {0} has too many connections")]
    Address(IpAddr),
    /// The same of one identity.
    #[error("{0} has too many connections")]
    Connections(Identity),
    /// A message of the request cannot be used.
    #[error("{0}")]
    Message(#[from] BadMessage),
    /// Nothing came.
    #[error("no message came within {0:?}")]
    Silent(Duration),
    /// Someone asks for a certificate of somebody else.
    #[error("an impersonated identity was asked for, which is not allowed")]
    Impersonation,
    /// Someone asks for a certificate of another name than its token's.
    #[error("a certificate for {asked:?} was asked for, and the token is of {own:?}")]
    Name {
        /// The name that was asked for.
        asked: String,
        /// The token's name.
        own: String,
    },
    /// The certificate request cannot be signed.
    #[error("the certificate request is refused: {0}")]
    Request(String),
    /// The answer did not pass its own checks, or there is no authority.
    #[error("no certificate can be signed now: {0}")]
    Authority(String),
    /// Everything that may run at once is running.
    #[error("too many certificates are being signed, try again")]
    Busy,
    /// One workload asks again and again.
    #[error("{who} asks for certificates too often, try again in {wait:?}")]
    Often {
        /// The workload or identity.
        who: String,
        /// The time until it is given one.
        wait: Duration,
    },
}

/// The reason for which an open stream ends. The first three ask the client to come again; the others would not help it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// Streams do not outlive the credential that opened them.
    #[error("the credential of this stream is about to expire: connect again with a new one")]
    Credential,
    /// Streams are moved now and then.
    #[error("this stream is old: connect again")]
    Age,
    /// The process ends.
    #[error("the controller is shutting down: connect again")]
    Draining,
    /// The pod or ExternalWorkload is gone or has ended.
    #[error("the workload of this stream is gone")]
    Gone,
    /// The name is another workload's now: the credential was of one that was deleted.
    #[error("the workload of this stream was deleted, and another has its name")]
    Replaced,
    /// The workload has another ServiceAccount than when the stream began.
    #[error("the workload of this stream has another identity now")]
    Identity,
}

impl Refusal {
    pub(crate) fn bytes(who: String, exceeded: Exceeded) -> Self {
        let Exceeded { came, most } = exceeded;
        Self::Bytes { who, came, most }
    }

    /// The gRPC code: UNAVAILABLE where trying again may help, as it is.
    pub fn code(&self) -> Code {
        match self {
            Self::Anonymous
            | Self::NoToken
            | Self::NotBearer
            | Self::Token(_)
            | Self::Expired
            | Self::TrustDomain { .. } => Code::Unauthenticated,
            Self::NotNow(_)
            | Self::Stale(_)
            | Self::Unknown(_)
            | Self::Authority(_)
            | Self::Full
            | Self::Busy => Code::Unavailable,
            Self::NoNode
            | Self::CapturedSotw
            | Self::Node(_)
            | Self::Context(_)
            | Self::Capture(_)
            | Self::OwnNetwork(_)
            | Self::Request(_) => Code::InvalidArgument,
            Self::Name { .. } => Code::FailedPrecondition,
            Self::OtherWorkload { .. } | Self::OtherIdentity { .. } | Self::Impersonation => {
                Code::PermissionDenied
            }
            Self::Streams { .. }
            | Self::Names(_)
            | Self::Bytes { .. }
            | Self::Address(_)
            | Self::Connections(_)
            | Self::Often { .. } => Code::ResourceExhausted,
            Self::Message(bad) => bad.code(),
            Self::Silent(_) => Code::DeadlineExceeded,
        }
    }
}

/// Texts of refusals contain what peers wrote themselves: they are made fit to be read here, for the peer and for the
/// log alike.
impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), printable(&refusal.to_string(), SHOWN_BYTES))
    }
}

impl From<Ended> for Status {
    fn from(ended: Ended) -> Self {
        let code = match ended {
            Ended::Credential | Ended::Age | Ended::Draining => Code::Unavailable,
            Ended::Gone | Ended::Replaced => Code::NotFound,
            Ended::Identity => Code::PermissionDenied,
        };
        Self::new(code, ended.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::WorkloadKind;

    #[track_caller]
    fn check(refusal: Refusal, code: Code, text: &str) {
        let status = Status::from(refusal);
        assert_eq!((status.code(), status.message()), (code, text));
    }

    #[test]
    fn a_refusal_says_what_is_wrong_and_whether_to_come_again() {
        let web = WorkloadKey::new(WorkloadKind::Pod, "shop", "web-0");
        let own = WorkloadKey::new(WorkloadKind::Pod, "shop", "cart-0");
        let caller = Identity::new("shop", "cart").unwrap();
        check(
            Refusal::Anonymous,
            Code::Unauthenticated,
            "the caller has no client certificate and sent no bearer token",
        );
        check(
            Refusal::OtherWorkload { named: web.clone(), own },
            Code::PermissionDenied,
            "the node id pod/shop/web-0 is not the caller's: the token is of pod/shop/cart-0",
        );
        check(
            Refusal::OtherIdentity { named: web.clone(), caller },
            Code::PermissionDenied,
            "the node id pod/shop/web-0 is not the caller's: the caller is shop/cart",
        );
        check(
            Refusal::Unknown(web),
            Code::Unavailable,
            "the workload pod/shop/web-0 is not known yet, try again",
        );
        check(
            Refusal::Node(BadWorkloadKey("web".into())),
            Code::InvalidArgument,
            "the node id \"web\" is not a workload, want \"pod/<namespace>/<name>\" or \"external/<namespace>/<name>\"",
        );
    }

    #[test]
    fn what_peers_wrote_is_short_and_on_one_line() {
        let named = WorkloadKey::new(WorkloadKind::Pod, "shop", "web\n\u{1b}[2J".repeat(10_000));
        let status = Status::from(Refusal::Unknown(named));
        let text = status.message();
        assert!(text.len() < 2 * SHOWN_BYTES && !text.contains(char::is_control), "{text}");
        assert!(text.starts_with("the workload pod/shop/web\\n\\u{1b}[2Jweb"), "{text}");
    }
}

//! The answer: what happens to a request, and which field of which object decided each step.

use heddle_model::access::{Action, Posture};
use heddle_model::fact::{DataPlane, Mtls, Protocol};
use heddle_model::http::Filters;
use heddle_model::route::{Mirror, RouteDefaults};
use heddle_model::{Identity, ServicePortKey, SourceRef, WorkloadKey};
use std::net::IpAddr;

/// The fate of a request, with the reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The client, as it was found.
    pub caller: Caller,
    /// The dialled address, as it was found.
    pub destination: Destination,
    /// The fate of the request.
    pub outcome: Outcome,
    /// Decisions before the request left the client, in order.
    pub steps: Vec<Step>,
}

/// One decision and what made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The subject.
    pub topic: Topic,
    /// The decision, as a sentence.
    pub text: String,
    /// The object that decided it; `None` where no object says anything.
    pub source: Option<SourceRef>,
    /// The field of that object; empty for the whole.
    pub field: String,
}

/// The subject of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// The caller.
    Client,
    /// The one who is called.
    Destination,
    /// The protocol.
    Protocol,
    /// The rule and its route.
    Route,
    /// The Service, and its share of the traffic.
    Backend,
    /// mTLS or not.
    Transport,
    /// Admitted or not.
    Access,
    /// The effect that a policy in Audit would have had.
    Audit,
}

/// The client as the mesh knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The workload, if it is one.
    pub workload: Option<WorkloadKey>,
    /// Its identity; proven only where it dials mTLS.
    pub identity: Option<Identity>,
    /// The proxy of ours that captures what it sends.
    pub plane: Option<DataPlane>,
}

impl Caller {
    /// Returns whether a proxy of ours captures what it sends.
    pub fn proxied(&self) -> bool {
        self.plane.is_some()
    }
}

/// A dialled address, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A port of a Service, by a virtual IP.
    Service(ServicePortKey),
    /// An endpoint of a headless Service, by its own address.
    Headless(ServicePortKey),
    /// A workload, by its own address.
    Workload(WorkloadKey),
    /// A Service's virtual IP, at a port that it does not have.
    NoSuchPort(ServicePortKey),
    /// In the mesh's networks, but nobody's.
    Unknown,
    /// Outside of the mesh.
    Outside,
}

/// The fate of a request on the client's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on as it is, to where it was sent, past every policy of this mesh.
    PassedThrough,
    /// The connection is closed before anything is sent on.
    Refused {
        /// The reason.
        why: String,
    },
    /// The client's proxy answers by itself.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The reason.
        why: String,
        /// The rule that matched, if one did.
        route: Option<RouteChoice>,
        /// The `Location` of a redirect.
        location: Option<String>,
    },
    /// It goes to one of these backends.
    Forwarded(Forward),
}

/// The target of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// As what the client's side carries it.
    pub carried: Carried,
    /// The rule that matched; `None` where no route is attached.
    pub route: Option<RouteChoice>,
    /// The limits and retries of requests, of the rule or else of the Service. Nothing where bytes are carried.
    pub limits: RouteDefaults,
    /// The shares, in the order written. Their weights are relative to their sum.
    pub shares: Vec<Share>,
    /// The places that get copies, and whose answers nobody sees. Nothing where bytes are carried. The filters of a copy are
    /// those of the backend that the request itself goes to.
    pub mirrors: Vec<Mirror>,
}

/// As what a proxy handles a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carried {
    /// Request by request.
    Http,
    /// As bytes.
    Bytes,
}

/// The rule that matched, and what it does besides choosing backends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteChoice {
    /// The route.
    pub source: SourceRef,
    /// The rule's place in `spec.rules`.
    pub rule: usize,
    /// Changes to the request and the response.
    pub filters: Filters,
}

/// A backend's share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Parts of [`Share::total`].
    pub weight: u64,
    /// The sum of all weights of the rule.
    pub total: u64,
    /// The target.
    pub to: ShareTarget,
}

/// The target of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareTarget {
    /// To the endpoints of a Service port, or to one address alone.
    Endpoints {
        /// The Service port; `None` for a workload dialled by its address.
        service: Option<ServicePortKey>,
        /// Changes to what goes here and comes from here, after the rule's.
        filters: Box<Filters>,
        /// Those that may be chosen, by address and port. Empty: 503, or a closed connection.
        candidates: Vec<Candidate>,
        /// The reason for which there is none; `None` where there is one.
        absent: Option<String>,
    },
    /// Answered for its share.
    Broken {
        /// The HTTP status.
        status: u16,
        /// The Gateway API reason.
        reason: &'static str,
        /// The thing that is missing.
        message: String,
    },
}

/// One endpoint that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The address or port that is dialled.
    pub address: IpAddr,
    /// The address or port that is dialled.
    pub port: u16,
    /// Its workload.
    pub workload: Option<WorkloadKey>,
    /// It is ending, and chosen only because none is ready.
    pub draining: bool,
    /// Its transport.
    pub transport: Dial,
    /// As what the server's proxy sees it; `None` where no proxy of ours does.
    pub arrives: Option<Carried>,
    /// The decision of the server's side.
    pub admission: Admission,
    /// The effects that policies in Audit would have had there.
    pub audit: Vec<AuditHit>,
    /// Decisions for this endpoint, in order.
    pub steps: Vec<Step>,
}

/// The transport to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dial {
    /// In plain text: the caller is nobody to the server.
    Plain,
    /// With mesh TLS; only this identity is accepted as the server's.
    Mesh(Identity),
    /// Not at all.
    Refused,
}

/// The decision of the server's side about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It reaches the application.
    Allowed(Ground),
    /// It is refused by policy: 403, or a closed connection.
    Denied(Ground),
    /// There is no proxy of ours at the server: nothing checks.
    Unenforced {
        /// The reason against it.
        why: String,
    },
    /// The server's proxy answers by itself: no policy is asked.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The reason.
        why: &'static str,
    },
    /// No connection comes about.
    Refused {
        /// The reason against it.
        why: String,
    },
}

/// The ground of an admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// This rule matches.
    Rule {
        /// The policy.
        policy: SourceRef,
        /// The rule's place in `spec.rules`.
        rule: usize,
        /// The policy's action.
        action: Action,
    },
    /// A policy compares escapes, and the path has one in lower case, which a proxy would take for another path.
    LowerEscape,
    /// Policies look at requests, and within a tunnel (CONNECT) none would be seen.
    Tunnel,
    /// Routes are attached to the port, and the request is none of theirs.
    NotRouted,
    /// These Allow policies cover the request, and none of their rules matches.
    NoRuleMatches {
        /// In order.
        policies: Vec<SourceRef>,
    },
    /// No Allow covers it.
    Posture {
        /// The posture that holds.
        posture: Posture,
        /// The Namespace or Mesh that says so.
        source: Option<SourceRef>,
    },
}

/// The effect that a policy in Audit would have, were it enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHit {
    /// The policy.
    pub policy: SourceRef,
    /// The effect.
    pub would: Would,
}

/// An effect that did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Would {
    /// Refuse, by this rule of a Deny.
    Deny {
        /// The rule's place in `spec.rules`.
        rule: usize,
    },
    /// Admit, by this rule of an Allow.
    Allow {
        /// The rule's place in `spec.rules`.
        rule: usize,
    },
    /// Cover the request without admitting it.
    NotAllow,
}

impl Step {
    pub(crate) fn new(
        topic: Topic,
        source: Option<SourceRef>,
        field: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self { topic, text: text.into(), source, field: field.into() }
    }
}

/// The word that users write for a protocol.
pub(crate) fn protocol_word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "HTTP",
        Protocol::Http2 => "HTTP/2",
        Protocol::Grpc => "gRPC",
        Protocol::Tcp => "TCP",
        Protocol::Opaque => "opaque bytes",
        Protocol::Detect => "whatever the first bytes are",
    }
}

/// The word that users write for an mTLS mode.
pub(crate) fn mtls_word(mtls: Mtls) -> &'static str {
    match mtls {
        Mtls::Disabled => "Disabled",
        Mtls::Permissive => "Permissive",
        Mtls::Strict => "Strict",
    }
}

/// The word that users write for a posture.
pub(crate) fn posture_word(posture: Posture) -> &'static str {
    match posture {
        Posture::Allow => "Allow",
        Posture::Authenticated => "Authenticated",
        Posture::Deny => "Deny",
    }
}

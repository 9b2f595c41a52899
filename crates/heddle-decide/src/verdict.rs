//! The answer: what happens to a request, and which field of which object decided each step.

use heddle_model::access::{Action, Posture};
use heddle_model::fact::{DataPlane, Mtls, Protocol};
use heddle_model::http::HeaderChange;
use heddle_model::route::RouteDefaults;
use heddle_model::{Identity, ServicePortKey, SourceRef, WorkloadKey};
use std::net::IpAddr;

/// What happens to a request, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Who the client turned out to be.
    pub caller: Caller,
    /// What the dialled address turned out to be.
    pub destination: Destination,
    /// What happens.
    pub outcome: Outcome,
    /// What was decided before the request left the client, in order.
    pub steps: Vec<Step>,
}

/// One decision and what made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was decided.
    pub topic: Topic,
    /// The decision, as a sentence.
    pub text: String,
    /// The object that decided it; `None` where no object says anything.
    pub source: Option<SourceRef>,
    /// The field of that object; empty for the whole.
    pub field: String,
}

/// What a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Who calls.
    Client,
    /// Who is called.
    Destination,
    /// What is spoken.
    Protocol,
    /// Which rule of which route.
    Route,
    /// Which Service, and how much of the traffic.
    Backend,
    /// mTLS or not.
    Transport,
    /// Admitted or not.
    Access,
    /// What a policy in Audit would have done.
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
    /// Whether a proxy of ours captures what it sends.
    pub fn proxied(&self) -> bool {
        self.plane.is_some()
    }
}

/// What a dialled address is.
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

/// What happens to the request on the client's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on as it is, to where it was sent, past every policy of this mesh.
    PassedThrough,
    /// The connection is closed before anything is sent on.
    Refused {
        /// Why.
        why: String,
    },
    /// The client's proxy answers by itself.
    Answered {
        /// The HTTP status.
        status: u16,
        /// Why.
        why: String,
        /// The rule that matched, if one did.
        route: Option<RouteChoice>,
    },
    /// It goes to one of these backends.
    Forwarded(Forward),
}

/// Where a request goes.
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
    /// Changes to the request.
    pub request_headers: HeaderChange,
    /// Changes to the response.
    pub response_headers: HeaderChange,
}

/// A backend's share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Parts of [`Share::of`].
    pub weight: u64,
    /// The sum of all weights of the rule.
    pub of: u64,
    /// Where it goes.
    pub to: ShareTarget,
}

/// Where a share goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareTarget {
    /// To the endpoints of a Service port, or to one address alone.
    Endpoints {
        /// The Service port; `None` for a workload dialled by its address.
        service: Option<ServicePortKey>,
        /// Changes to the requests that go here, after the rule's.
        request_headers: HeaderChange,
        /// Changes to the responses that come from here.
        response_headers: HeaderChange,
        /// Those that may be chosen, by address and port. Empty: 503, or a closed connection.
        candidates: Vec<Candidate>,
        /// The reason for which there is none; `None` where there is one.
        absent: Option<String>,
    },
    /// Answered 500 for its share.
    Broken {
        /// The Gateway API reason.
        reason: &'static str,
        /// What is missing.
        message: String,
    },
}

/// One endpoint that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where it is dialled.
    pub address: IpAddr,
    /// Where it is dialled.
    pub port: u16,
    /// Whose it is.
    pub workload: Option<WorkloadKey>,
    /// It is ending, and chosen only because none is ready.
    pub draining: bool,
    /// How it is dialled.
    pub transport: Dial,
    /// As what the server's proxy sees it; `None` where no proxy of ours does.
    pub arrives: Option<Carried>,
    /// What the server's side does.
    pub admission: Admission,
    /// What policies in Audit would have done there.
    pub audit: Vec<AuditHit>,
    /// What was decided for this endpoint, in order.
    pub steps: Vec<Step>,
}

/// How an endpoint is dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dial {
    /// In plain text: the caller is nobody to the server.
    Plain,
    /// With mesh TLS; only this identity is accepted as the server's.
    Mesh(Identity),
    /// Not at all.
    Refused,
}

/// What the server's side does with the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It reaches the application.
    Allowed(Ground),
    /// It is refused by policy: 403, or a closed connection.
    Denied(Ground),
    /// There is no proxy of ours at the server: nothing checks.
    Unenforced {
        /// Why not.
        why: String,
    },
    /// The server's proxy answers 400: no policy is asked.
    BadRequest {
        /// Why.
        why: &'static str,
    },
    /// No connection comes about.
    Refused {
        /// Why not.
        why: String,
    },
}

/// What made an admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// This rule matches.
    Rule {
        /// The policy.
        policy: SourceRef,
        /// The rule's place in `spec.rules`.
        rule: usize,
        /// What the policy does.
        action: Action,
    },
    /// A policy compares escapes, and the path has one in lower case, which a proxy would take for another path.
    LowerEscape,
    /// Routes are attached to the port, and the request is none of theirs.
    NotRouted,
    /// These Allow policies cover the request, and none of their rules matches.
    NoRuleMatches {
        /// In order.
        policies: Vec<SourceRef>,
    },
    /// No Allow covers it.
    Posture {
        /// What holds then.
        posture: Posture,
        /// The Namespace or Mesh that says so.
        source: Option<SourceRef>,
    },
}

/// What a policy in Audit would do, were it enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHit {
    /// The policy.
    pub policy: SourceRef,
    /// What it would do.
    pub would: Would,
}

/// What would be.
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

//! What a client says, in either variant of the protocol, and what is too much.

use crate::Type;
use heddle_model::Name;
use std::collections::BTreeMap;

/// Which protocol a stream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// `DeltaAggregatedResources`
    Delta,
    /// `StreamAggregatedResources`
    Sotw,
}

/// A `DeltaDiscoveryRequest` or a `DiscoveryRequest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `type_url`
    pub ty: Type,
    /// `response_nonce`; empty answers nothing.
    pub nonce: String,
    /// Delta: `resource_names_subscribe`. State of the world: `resource_names`, the whole list.
    pub subscribe: Vec<Name>,
    /// Delta: `resource_names_unsubscribe`. State of the world: empty.
    pub unsubscribe: Vec<Name>,
    /// Delta: `initial_resource_versions`, by name. State of the world: empty.
    pub versions: BTreeMap<Name, String>,
    /// `error_detail.message`; present (even if empty) in a refusal.
    pub error: Option<String>,
}

impl Request {
    /// A first request for everything of `ty`.
    pub fn new(ty: Type) -> Self {
        Self {
            ty,
            nonce: String::new(),
            subscribe: Vec::new(),
            unsubscribe: Vec::new(),
            versions: BTreeMap::new(),
            error: None,
        }
    }
}

/// What one client may ask for, and how long it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Names in one request, of all its fields together.
    pub names_per_request: usize,
    /// Names that the client subscribes to or claims to hold, of all types together.
    pub names: usize,
    /// Bytes in one name.
    pub name_bytes: usize,
    /// Bytes kept of the text of a refusal.
    pub text_bytes: usize,
    /// Milliseconds after which an unanswered response, or a reference that is not acknowledged, no longer
    /// holds back what comes after it.
    pub patience: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            names_per_request: 100_000,
            names: 200_000,
            name_bytes: 1024,
            text_bytes: 1024,
            patience: 5000,
        }
    }
}

/// Why a stream must end: its client asks for more than one client may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A single request is too large.
    #[error("a request names {came} resources, want at most {limit}")]
    Request {
        /// How many names it has.
        came: usize,
        /// The limit.
        limit: usize,
    },

    /// All requests together are too large.
    #[error("a client names {came} resources, want at most {limit}")]
    Client {
        /// How many names it has.
        came: usize,
        /// The limit.
        limit: usize,
    },

    /// A name is too long.
    #[error("a resource name has {came} bytes, want at most {limit}")]
    Name {
        /// How long it is.
        came: usize,
        /// The limit.
        limit: usize,
    },
}

impl Limits {
    /// Whether one request is within the limits by itself.
    pub(crate) fn admit(&self, request: &Request) -> Result<(), Refusal> {
        let came = request.subscribe.len() + request.unsubscribe.len() + request.versions.len();
        if came > self.names_per_request {
            return Err(Refusal::Request { came, limit: self.names_per_request });
        }
        let names = request.subscribe.iter().chain(&request.unsubscribe).chain(request.versions.keys());
        match names.map(|name| name.len()).max() {
            Some(came) if came > self.name_bytes => Err(Refusal::Name { came, limit: self.name_bytes }),
            Some(_) | None => Ok(()),
        }
    }
}

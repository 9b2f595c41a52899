//! Requests of a client, in either variant of the protocol, and their limits.

use crate::ResourceType;
use heddle_model::Name;
use std::collections::BTreeMap;

/// The protocol that a stream speaks.
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
    pub ty: ResourceType,
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
    pub fn new(ty: ResourceType) -> Self {
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

/// The bounds on what one client may ask for, and on the time that it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Names in one request, of all its fields together.
    pub names_per_request: usize,
    /// Bytes that are kept for the client alone, of all types together: of what it names and what is not, or is not
    /// compared yet.
    pub own_bytes: usize,
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
            // A mesh of 100,000 Pods and 10,000 Services has a cluster for each.
            names_per_request: 250_000,
            own_bytes: 64 << 20,
            name_bytes: 1024,
            text_bytes: 1024,
            patience: 5000,
        }
    }
}

/// The reason for which a stream must end: its client asks for more than one client may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A single request is too large.
    #[error("a request names {came} resources, want at most {limit}")]
    Request {
        /// The number of names that it has.
        came: usize,
        /// The limit.
        limit: usize,
    },

    /// All requests together are too large.
    #[error("a client names {came} bytes of resources, want at most {limit}")]
    Client {
        /// The number of bytes that are kept for it.
        came: usize,
        /// The limit.
        limit: usize,
    },

    /// A request for a type that is not served names too much.
    #[error("a request names {came} bytes of a type that is not served, want at most {limit}")]
    Unserved {
        /// The number of bytes.
        came: usize,
        /// The limit.
        limit: usize,
    },

    /// A name is too long.
    #[error("a resource name has {came} bytes, want at most {limit}")]
    Name {
        /// Its length.
        came: usize,
        /// The limit.
        limit: usize,
    },
}

impl Limits {
    /// Returns whether one request is within the limits by itself.
    pub(crate) fn admit(&self, request: &Request) -> Result<(), Refusal> {
        let names = request.subscribe.iter().chain(&request.unsubscribe).chain(request.versions.keys());
        self.admit_names(names.map(|name| &**name))
    }

    /// Returns whether so many names of one request, each so long, are within the limits.
    ///
    /// # Errors
    /// Says what is too much.
    pub fn admit_names<'a>(&self, names: impl Iterator<Item = &'a str> + Clone) -> Result<(), Refusal> {
        let came = names.clone().count();
        if came > self.names_per_request {
            return Err(Refusal::Request { came, limit: self.names_per_request });
        }
        match names.map(str::len).max() {
            Some(came) if came > self.name_bytes => Err(Refusal::Name { came, limit: self.name_bytes }),
            Some(_) | None => Ok(()),
        }
    }
}

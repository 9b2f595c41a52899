//! Responses of a session to its client, and notices to its owner.

use crate::{ResourceType, Version};
use bytes::Bytes;
use heddle_model::Name;

/// A `DeltaDiscoveryResponse` or a `DiscoveryResponse`, but for its framing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// `type_url`
    pub ty: ResourceType,
    /// `nonce`
    pub nonce: String,
    /// `system_version_info` or `version_info`: a hash over what is in the response.
    pub version: String,
    /// Delta: encoded `Resource`s. State of the world: encoded `Any`s. Ordered by name.
    pub resources: Vec<Bytes>,
    /// Delta: `removed_resources`. State of the world: empty.
    pub removed: Vec<Name>,
    /// The state that it brings.
    pub sequence: u64,
}

/// The meaning of a request for responses sent before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A response was accepted.
    Acked {
        /// Of which type.
        ty: ResourceType,
        /// The state that it brought.
        sequence: u64,
        /// The time at which it was sent, in milliseconds on the clock of [`crate::Session::poll`].
        sent: u64,
    },
    /// A response was refused.
    Nacked {
        /// Of which type.
        ty: ResourceType,
        /// The client's text, cut to [`crate::Limits::text_bytes`].
        text: String,
        /// The resources that it may have meant. If more than one for endpoints or routes, each is sent again alone.
        suspects: Vec<(Name, Version)>,
    },
    /// A resource was refused by itself and is not sent again until it changes.
    Quarantined {
        /// Of which type.
        ty: ResourceType,
        /// The one concerned.
        name: Name,
        /// The content that was refused.
        version: Version,
        /// The client's text, cut to [`crate::Limits::text_bytes`].
        text: String,
    },
}

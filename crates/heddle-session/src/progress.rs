//! The progress of a client, for `/debug/clients` and `heddle proxies`.

use crate::{ResourceType, Version};
use heddle_model::Name;
use std::sync::Arc;

/// The state of a client with one type that it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The type.
    pub ty: ResourceType,
    /// It asked for everything of the type.
    pub wildcard: bool,
    /// Resources that it was sent and did not refuse.
    pub held: usize,
    /// The newest state of which something was sent; `None` if nothing ever was.
    pub sent: Option<u64>,
    /// The newest state that it holds completely (but for what it refused).
    pub settled: Option<u64>,
    /// Responses that it has not answered.
    pub unanswered: usize,
    /// Resources that wait to be sent.
    pub pending: usize,
    /// The resources that it refused, by name.
    pub refused: Vec<Refused>,
}

/// A resource that a client refused and that has not changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The one concerned.
    pub name: Name,
    /// The content that was refused.
    pub version: Version,
    /// The client's text.
    pub text: Arc<str>,
}

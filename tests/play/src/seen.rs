//! The answer that a client saw.

use std::collections::BTreeMap;

/// The answer that a client saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// An application answered.
    Echo(Echo),
    /// A proxy answered.
    Status(u16),
    /// A proxy answered with a redirect to this `Location`.
    Redirect(u16, String),
    /// No application answered, and no proxy with a status.
    Closed,
}

/// The request that an application saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Echo {
    /// The application.
    pub(crate) who: String,
    /// The authority and path of the request; empty where they are not known.
    pub(crate) target: String,
    /// The caller, as the server's proxy told it.
    pub(crate) identity: Option<String>,
    /// Headers of the request.
    pub(crate) request: BTreeMap<String, String>,
    /// Headers of the response.
    pub(crate) response: BTreeMap<String, String>,
}

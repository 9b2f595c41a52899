//! A question in canonical form: clients with equal topics share an answer.

use crate::{Ask, Refused};
use heddle_model::{Name, ServicePortKey, Snapshot, WorkloadKey};
use std::net::SocketAddr;

/// What an answer is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// The endpoints of a Service port, as clients at a place see them.
    Endpoints {
        /// The port.
        port: ServicePortKey,
        /// Where the clients are.
        place: Place,
    },
    /// A destination by name or address, for what still asks for profiles.
    Profile(Target),
    /// Who may call a port of a workload, and how it is spoken.
    Inbound {
        /// The workload.
        workload: WorkloadKey,
        /// Its port.
        port: u16,
    },
    /// Where the clients of a namespace are led that dial a target.
    Outbound {
        /// The clients' namespace: consumer routes and egress networks are theirs.
        namespace: Name,
        /// What they dial.
        target: Target,
    },
}

/// What is dialled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// An address.
    Address(SocketAddr),
    /// A port of a Service, by name.
    Service(ServicePortKey),
}

/// Where clients are, as far as it makes a difference to what they ask about. Where it begins to make one, or
/// ceases to, the answer is [`crate::Answer::AskAgain`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// It makes none.
    Anywhere,
    /// In this zone; `None` is unknown.
    Zone(Option<Name>),
    /// On this Node, in this zone.
    Node(Option<Name>, Option<Name>),
}

/// The topic of a question that `client` asks.
///
/// # Errors
/// Says why it has none.
pub fn topic(ask: &Ask, client: &WorkloadKey, snapshot: &Snapshot) -> Result<Topic, Refused> {
    let _ = (ask, client, snapshot);
    Err(Refused::NotFound(String::new()))
}

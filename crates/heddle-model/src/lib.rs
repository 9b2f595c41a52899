//! Names, facts and the Snapshot: plain ordered data in no dialect's words.
//!
//! [`fact`] is what lowering says of one object. [`snapshot`] is what resolving makes of all of them,
//! and what every projection, decision and status is a function of. Nothing here does I/O, knows a
//! clock or depends on hash order.

pub mod ability;
pub mod access;
pub mod capture;
mod counted;
pub mod egress;
pub mod event;
pub mod fact;
mod family;
pub mod header;
pub mod http;
pub mod identity;
mod kind;
pub mod labels;
pub mod locality;
pub mod map;
pub mod matching;
pub mod name;
mod network;
mod owner;
pub mod path;
mod port;
mod port_range;
mod port_rules;
pub mod report;
pub mod route;
pub mod server;
pub mod snapshot;
pub mod text;
mod transport;
mod uses;

pub use counted::Counted;
pub use event::{Event, Lowered, Meta};
pub use fact::Fact;
pub use family::{Families, Family};
pub use identity::Identity;
pub use kind::{Keys, Kind, KindSpec, Origin, Presence, Scope, StatusForm};
pub use map::Map;
pub use name::{Name, ServiceKey, ServicePortKey, SourceRef, WorkloadKey, WorkloadKind};
pub use network::{ClusterNetwork, holding};
pub use owner::{AddressKey, Owner, Reach};
pub use port_range::{PortRange, PortRangeError};
pub use port_rules::PortRules;
pub use report::Diagnostic;
pub use snapshot::Snapshot;
pub use uses::Uses;

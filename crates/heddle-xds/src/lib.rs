//! The Snapshot as Envoy resources: which exist for whom, what each is, and what a change may change.
//!
//! A client's view is a short ordered list of [`Group`]s; a later group overrides an earlier one name by name.
//! [`names`] says what a group holds, [`project`] makes one resource of it, and [`touched`] says which resources
//! a changed key of the Snapshot may change, at a cost that follows the change and not the mesh.
//!
//! Names, which are part of the contract with whoever reads a proxy's configuration:
//!
//! | name | types | what |
//! |---|---|---|
//! | `<namespace>/<service>:<port>` | all four | a port of a Service, as clients dial it |
//! | `<namespace>/<service>:<port>/ipv6` (`/ipv4`) | all four | the same by the second family of a dual-stack Service |
//! | `inbound` | listener | all inbound traffic, where it is captured |
//! | `inbound:<ip>:<port>` | listener | one inbound port, where the proxy binds it |
//! | `inbound:<port>` | cluster | the application behind an inbound port |
//! | `inbound:other` | cluster | the application behind every other port, where traffic is captured |
//! | `outbound` | listener | all outbound traffic, where it is captured |
//! | `handback` | listener | connections that `outbound` took to a Service, on their way to its own listener |
//! | `at:<ip>:<port>` | cluster | a dialled address and port; in no group, made for who asks for it ([`asked`]) |
//! | `passthrough`, `blackhole` | cluster | the dialled address as it is; nobody |
//! | `heddle/broken` | cluster | never defined: the share of a broken backend |

mod access_log;
mod address;
mod at;
mod capture;
mod captured;
mod cluster;
mod endpoint;
mod family_port;
mod filter;
mod group;
mod http;
mod inbound;
mod inspect;
mod invalidation;
mod inventory;
mod limitation;
mod limits;
mod outbound;
mod project;
mod rbac;
mod resource;
mod resource_name;
mod route;
mod tcp;
mod tls;
mod xds;

pub use at::{asked, dialled_key, is_asked_for, nobody};
pub use capture::{BadCapture, Capture};
pub use group::{Client, Group};
pub use heddle_proto::ResourceType;
pub use invalidation::touched;
pub use inventory::names;
pub use limitation::limitations;
pub use project::project;
pub use resource::{Resource, ResourceKey};

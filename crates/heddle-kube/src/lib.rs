//! The only owner of a Kubernetes client: watches, writes of status, secrets and leases, reviews.
//!
//! [`watch`] follows every kind and sends lowered objects to one bounded queue. Nothing here is typed: an object
//! that no type could hold is lowered to a `Fact::Invalid` of its own and stalls nobody. [`Watches`] says how
//! each kind is doing. [`StatusWriter`] writes what became of the objects.

mod client;
mod election;
mod forward;
mod keys;
mod list;
mod mesh_values;
mod object;
mod relist;
mod retry;
mod review;
mod secret;
mod status;
mod trust;
mod watch;
mod watch_error;
mod watches;

pub use client::client;
pub use election::{Election, elect};
pub use forward::{ForwardError, controller_pages};
pub use keys::{Keys, keys};
pub use kube::Client;
pub use list::list;
pub use mesh_values::{BadMeshValues, MeshValues, keep_mesh};
pub use review::{Verdict, review};
pub use secret::{Created, Data as SecretData, Replaced, Secrets, Stored};
pub use status::StatusWriter;
pub use trust::{BUNDLE, PodRoots, TrustPlaces, WebhookConfiguration, keep_trust};
pub use watch::watch;
pub use watches::{Cause, Phase, STALE, WatchState, Watches};

/// The name of the writer in `managedFields` and in audit logs.
const MANAGER: &str = "heddle";

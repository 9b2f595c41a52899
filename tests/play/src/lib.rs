//! The scenarios' requests, played on real Envoys.
//!
//! Each workload that a scenario's requests touch gets a network namespace of its own, with its own address, an
//! echoing application and, if it is meshed and captured, an Envoy that packet rules force all traffic through,
//! as an injected Pod has. The Envoys are given the very resources that `heddle-xds` projects; they only come from
//! files instead of a stream. What comes back is held against the verdict of `heddle-decide`.
//!
//! There is no linkerd2-proxy here. Before an Envoy, a client of that plane is a TLS client that does as one does
//! (see `linkerd`); as a server an Envoy stands in for it, which shows what the client's Envoy dials, and how. What
//! two linkerd2-proxies do between themselves is left out.
//!
//! Needs root (network namespaces, packet rules) and the Envoy binary that `HEDDLE_ENVOY` names.

mod call;
mod certificates;
mod config;
mod echo;
mod envoy;
mod expect;
mod linkerd;
pub mod net;
mod play;
mod seen;
mod site;
mod standing;

pub use play::{Played, play};
pub use standing::{Alive, through_changes};

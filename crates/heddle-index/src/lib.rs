//! Keeps facts, resolves them to the [`Snapshot`](heddle_model::Snapshot), and says which keys changed.
//!
//! [`Index::apply`] takes events and only notes what they touch. [`Index::resolve`] recomputes what was
//! touched, stage by stage, and publishes what became different:
//!
//! ```text
//! facts ─┬─▶ addresses ─▶ members ──────────────┬─▶ workloads ─▶ endpoints
//!        └─▶ attachments ─┬─▶ services ─────────┤
//!                         ├─▶ policies ─────────┤
//!                         ├─▶ authorizations ─▶ servers
//!                         └─▶ routes                 … and egress, reports, diagnostics
//! ```
//!
//! Each stage is a pure function of the facts and the stages left of it. Where its result is equal to
//! the last one, nothing right of it is touched: so work follows the change, and an equal write is silent.

mod absent;
mod access;
mod address;
mod attachment;
mod authentication;
mod authorization;
mod coverage;
mod dirty;
mod egress;
mod endpoints;
mod findings;
mod governing;
mod image;
mod inbound;
mod index;
mod member;
mod mtls;
mod multimap;
mod network;
mod networks_known;
mod no_endpoint;
mod overlap;
mod own_port;
mod parent;
mod parent_ports;
mod policy;
mod pool;
mod port;
mod precedence;
mod rate_limit;
mod reach;
mod report;
mod resolve;
mod route_access;
mod routes;
mod selected;
mod selection;
mod server;
mod service;
mod service_port;
mod stance;
mod tables;
mod unenforced;
mod work;
mod workload;

pub use index::Index;
pub use work::Work;

#[cfg(test)]
mod tests;

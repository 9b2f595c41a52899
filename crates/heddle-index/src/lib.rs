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

mod access;
mod addresses;
mod dirty;
mod index;
mod multimap;
mod resolve;
mod routes;
mod services;
mod status;
mod tables;
mod work;
mod workloads;

pub use index::Index;
pub use work::Work;

#[cfg(test)]
mod tests;

//! Real linkerd2-proxies and real Envoys in one mesh, each in a network namespace of its own, told everything by a
//! `heddle controller` that runs on a folder.
//!
//! ```text
//! stage ──▶ place (namespace, packet rules, application, `heddle agent` and its proxy)
//!   └─────▶ scenes ──▶ call (from within a place) ──▶ what was answered, and by whom the server says it was called
//! ```
//!
//! That needs root, and the two binaries that `HEDDLE_LINKERD2_PROXY` and `HEDDLE_ENVOY` name: so it is a program that is
//! run by hand (`make try-linkerd`). What its proxies asked and were told can be recorded ([`transcript`]); a test asks the
//! same with the published crate, and must be told the same.

pub mod app;
pub mod call;
pub mod manifests;
pub mod metrics;
pub mod place;
pub mod process;
pub mod proxy;
pub mod record;
pub mod scenes;
pub mod stage;
pub mod story;
pub mod transcript;

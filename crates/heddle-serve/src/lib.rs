//! The servers: they authenticate a peer, drive its session, sign for it, and show what happens.
//!
//! ```text
//! socket ──▶ accept ──▶ tls ──▶ connection ─┬▶ xds: auth ──▶ bind ──▶ engine ──▶ session ──▶ socket
//!            (bounds)  (peer)   (idle)      ├▶ linkerd: auth ──▶ bind ──▶ feeds ──▶ answers ──▶ socket
//!                                           └▶ certificates: auth ──▶ CSR ──▶ authority ──▶ chain
//! ```
//!
//! Start at [`server`], which puts the parts of the port together, and at `xds/drive.rs`, which drives one
//! stream. [`admin`] is the other port. What this crate asks of others it asks by traits and channels:
//! [`engine`] (what is published), [`auth::Authenticate`] and [`tokens::FetchKeys`], [`clock::Clock`].
//!
//! Invariants, held by the tests in `tests/sockets`:
//!
//! - A stream is bound to one live workload of its caller's identity, and ends with it.
//! - No stream outlives the credential that opened it.
//! - A client that never reads holds the newest state and what is on its way out, and is not cut off.
//! - Whatever peers do, connections, streams, names and bytes stay within [`limits::Limits`].
//! - A certificate is given to the bearer of a token, in the token's identity, whatever was asked for.

pub mod accept;
pub mod admin;
pub mod auth;
mod bind;
pub mod certificates;
pub mod clock;
mod connection;
pub mod drain;
pub mod engine;
pub mod feeds;
pub mod limits;
mod line;
pub mod linkerd;
pub mod metrics;
pub mod peer;
mod quota;
pub mod refusal;
pub mod registry;
pub mod server;
pub mod tls;
pub mod tokens;
mod xds;

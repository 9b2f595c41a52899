//! The servers: they authenticate a peer, drive its session, sign for it, and show what happens.
//!
//! ```text
//! socket ──▶ accept ──▶ tls ──▶ connection ──▶ calls ─┬▶ xds: auth ──▶ bind ──▶ engine ──▶ session ──▶ socket
//!            (gate)    (peer)  (HTTP/2, life) (path)   ├▶ linkerd: auth ──▶ bind ──▶ feeds ──▶ answers ──▶ socket
//!                                                      └▶ certificates: auth ──▶ CSR ──▶ authority ──▶ chain
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
//! - Of a caller that has not proved who it is nothing is kept but its token, and no more of its body is read than the
//!   one short message of `Certify`, which has the token in it.
//! - A certificate is given to the bearer of a token, in the token's identity, whatever was asked for.

pub mod accept;
pub mod admin;
pub mod auth;
mod bind;
mod budget;
mod calls;
pub mod certificates;
pub mod clock;
mod connection;
pub mod drain;
pub mod engine;
pub mod feeds;
mod gate;
mod latest;
pub mod limits;
pub mod linkerd;
pub mod messages;
mod metered;
pub mod metrics;
pub mod peer;
mod pool;
mod quota;
mod rate;
mod reception;
pub mod refusal;
mod refusal_log;
pub mod registry;
mod replies;
pub mod server;
mod shared;
pub mod tls;
pub mod tokens;
mod unproven;
mod xds;

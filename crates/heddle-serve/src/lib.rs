//! The servers: they authenticate a peer, drive its session, sign for it, and show what happens.

pub mod accept;
pub mod admin;
pub mod auth;
mod bind;
pub mod certificates;
pub mod clock;
mod connection;
pub mod drain;
pub mod engine;
pub mod limits;
pub mod metrics;
pub mod peer;
mod quota;
pub mod refusal;
pub mod registry;
pub mod server;
pub mod tls;
pub mod tokens;
mod xds;

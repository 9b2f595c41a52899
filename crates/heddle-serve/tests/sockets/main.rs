//! The servers over real sockets on loopback, with certificates and tokens of a real authority.

#![allow(clippy::unwrap_used, reason = "tests")]

mod attacks;
mod bad_input;
mod bounds;
mod certificates;
mod client;
mod endings;
mod linkerd;
mod mesh;
mod quarantine;
mod stream;
mod tls;
mod world;

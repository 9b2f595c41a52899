//! What a linkerd2-proxy would do with what it is told: the two sides of a call, read from the messages alone.

mod client;
mod matching;
mod server;

pub use client::{Dialled, Outcome, ShareTo, client};
pub use server::{Arrival, server};

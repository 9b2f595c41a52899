//! A linkerd2-proxy, interpreted: the two sides of a call, read from the messages alone.

mod agree;
mod brief;
mod client;
mod matching;
mod server;
mod text;
pub mod valid;

pub use agree::difference;
pub use client::{Dialled, Outcome, ShareTo, client};
pub use server::{Arrival, server};
pub use text::linkerd_text;

//! One client's aggregated discovery stream, delta or state of the world, without its socket and clock.
//!
//! The owner of a stream feeds a [`Session`] what it read ([`Session::receive`]) and asks it what to write
//! ([`Session::poll`]): after every request, after every newer [`View`], and when [`Session::deadline`] has
//! passed. A session never blocks, never queues a state and never remembers more than what its client
//! holds, so a slow client costs one pending version.
//!
//! Invariants, each with a test of its name in `tests/`:
//!
//! - At most one unanswered response per type; the newest state wins. A response that stays unanswered for
//!   [`Limits::patience`] no longer holds back the next one (Envoy withholds its CDS acknowledgement while a
//!   cluster warms).
//! - An equal state sends nothing; a client that names the versions it has is sent what differs.
//! - Make before break: a listener or route waits until its clusters are acknowledged, a cluster stays until
//!   nothing that the client holds refers to it, endpoints never run ahead of their changed cluster.
//! - A changed cluster is followed by its endpoints, changed or not, in the same poll.
//! - A client that asks for everything gets what [`View::is_given`] says, and the closure over the needs of what it asks for
//!   by name; a cluster that hands connections to a listener comes when that listener serves.
//! - What was refused alone is not sent again until it changes, also not on the next stream
//!   ([`Session::resume`]) of a client that names what it holds.

mod closure;
mod gate;
mod progress;
mod request;
mod response;
mod scoped;
mod session;
mod subscription;
mod suspects;
mod version;
mod view;

pub use heddle_proto::ResourceType;
pub use progress::{Progress, Refused};
pub use request::{Limits, Refusal, Request, Variant};
pub use response::{Notice, Response};
pub use session::Session;
pub use version::Version;
pub use view::{Resource, View};

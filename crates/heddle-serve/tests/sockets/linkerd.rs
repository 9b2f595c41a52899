//! What linkerd2-proxies are served, to the clients of the published crate.

mod bad_input;
mod certify;
mod client;
mod endings;
mod many;
mod stream;
pub(crate) mod toy;

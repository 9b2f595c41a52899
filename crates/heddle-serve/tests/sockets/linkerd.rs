//! The service of linkerd2-proxies, to the clients of the published crate.

mod bad_input;
mod certify;
mod client;
mod endings;
mod many;
mod stream;
pub(crate) mod toy;

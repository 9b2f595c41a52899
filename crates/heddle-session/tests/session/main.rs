//! The rules of a session, one by one and in random histories with a client that behaves like Envoy 1.40.

mod asked;
mod envoy;
mod histories;
mod link;
mod refusals;
mod rules;
mod stream;
mod world;

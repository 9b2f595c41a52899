//! The projection, held against its own contract and against a real Envoy.
//!
//! `HEDDLE_ENVOY` names the binary; without it `.cache/envoy/bin/envoy` of the workspace is taken, which
//! `make envoy` puts there.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "real processes are read from and waited for"
)]

mod binary;
mod certificates;
mod contract;
mod edges;
mod limits;
mod live;
mod load;
mod paths;
mod proxy;
mod resumption;
mod view;

//! What is projected, held against its own contract and against a real Envoy.
//!
//! `HEDDLE_ENVOY` names the binary; without it `.cache/envoy/bin/envoy` of the workspace is taken, which
//! `make envoy` puts there.

mod binary;
mod certificates;
mod contract;
mod live;
mod load;
mod proxy;
mod view;

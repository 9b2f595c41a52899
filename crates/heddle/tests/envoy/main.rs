//! Real Envoys, configured by a real controller over gRPC.
//!
//! Every test sets a stage of its own on loopback addresses of its own (see [`shop::Shop`]).

mod folder;
mod identity;
mod mtls;
mod nack;
mod protocol;
mod shop;
mod standing;
mod swap;

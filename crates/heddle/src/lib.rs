//! The binary's parts: the command line, the owner of all state, adapters between edges, the demo.

mod answers;
mod authority;
mod bootstrap;
pub mod cli;
mod cluster;
mod controller;
pub mod demo;
mod engine;
mod log;
mod resources;
mod signals;
mod source;
mod state;
mod world;

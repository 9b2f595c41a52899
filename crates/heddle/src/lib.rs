//! The binary's parts: the command line, the owner of all state, adapters between edges, the demo.

mod bootstrap;
mod cluster;
pub mod cli;
pub mod demo;
mod controller;
mod engine;
mod log;
mod resources;
mod source;
mod state;
mod world;

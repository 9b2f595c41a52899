//! A directory of manifests as a source.
//!
//! [`read`] reads it once, [`watch`] follows it. Only complete sets of objects leave it: where anything does
//! not parse or would be refused by an API server, nothing changes and every fault is named with file, line
//! and field.

mod document;
mod fault;
mod folder;
mod ignored;
mod manifest;
mod node;
mod strict;
mod watch;

pub use fault::DirError;
pub use folder::{Lists, parse, read};
pub use watch::{State, WatchError, watch};

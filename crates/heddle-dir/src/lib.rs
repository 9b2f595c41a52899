//! A directory of manifests as a source.
//!
//! [`read`] reads it once, [`watch`] follows it. Only complete sets of objects leave it: where anything does
//! not parse or would be refused by an API server, nothing changes and every fault is named with file, line
//! and field.

mod changes;
mod document;
mod entry;
mod fault;
mod folder;
mod manifest;
mod node;
mod objects;
mod position;
mod strict;
mod watch;
mod writers;

pub use fault::DirError;
pub use folder::{Found, Lists, parse, read};
pub use objects::{objects, objects_of};
pub use position::Positions;
pub use watch::{State, WatchError, watch};

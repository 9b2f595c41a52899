//! Published resources and answers: projected and encoded once per change, shared by all readers. Resources that clients list
//! are in a [`Catalog`]; answers to questions in [`Feeds`].
//!
//! A [`Catalog`] is owned by whoever resolves the Snapshot. It keeps the resources of every group that a joined
//! client belongs to, and turns a changed Snapshot into the next [`Published`]. A [`Published`] never changes; a
//! reader takes a [`ClientView`] of it, holds it as long as it likes and takes no lock.
//!
//! Invariants, each with a test of its name:
//!
//! - A change costs one projection and one encoding per resource and group, however many clients there are.
//! - Equal content is no change: the sequence stays.
//! - A group that no client belongs to costs nothing.
//! - Publishing copies no mesh; an incremental catalog equals one built from nothing.

mod catalog;
mod client_view;
mod dialect;
mod entry;
mod feeds;
mod frame;
mod linkerd;
mod log;
mod published;
mod streamed;
mod xds;

pub use catalog::{Catalog, Counters};
pub use client_view::ClientView;
pub use dialect::{Dialect, Projection};
pub use entry::Entry;
pub use feeds::{Edition, Feed, Feeds, Made, Work};
pub use linkerd::Linkerd;
pub use published::Published;
pub use xds::Xds;

//! The output of `xtask generate proto`, by package.
#![allow(
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::disallowed_types,
    missing_docs,
    unreachable_pub,
    reason = "the generators' style, not ours"
)]

include!("generated/packages.rs");

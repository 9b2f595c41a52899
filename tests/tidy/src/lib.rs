//! House rules as tests: the crates' walls, file sizes, bans.

/// Crates that do no I/O and know no clock.
pub const PURE: &[&str] = &[
    "heddle-model",
    "heddle-lower",
    "heddle-index",
    "heddle-decide",
    "heddle-xds",
    "heddle-linkerd",
    "heddle-status",
    "heddle-session",
    "heddle-catalog",
    "heddle-ca",
];

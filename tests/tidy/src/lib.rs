//! House rules as tests: the crates' walls, file sizes, bans, words.

use std::fs;
use std::path::{Path, PathBuf};

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

/// Returns the workspace's folder.
pub fn root() -> PathBuf {
    let tidy = Path::new(env!("CARGO_MANIFEST_DIR"));
    tidy.ancestors().nth(2).unwrap_or(tidy).to_path_buf()
}

fn rust_files(under: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(under).unwrap_or_else(|e| panic!("{}: {e}", under.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns every Rust file of crates and tests, in order.
///
/// # Panics
/// If a folder cannot be read.
pub fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for top in ["crates", "tests", "xtask"] {
        rust_files(&root().join(top), &mut found);
    }
    found.sort();
    found
}

/// Returns whether a file says that it is generated.
pub fn is_generated(text: &str) -> bool {
    text.lines().take(3).any(|line| line.contains("@generated"))
}

//! The Envoy to try things on.

use std::path::PathBuf;

/// Returns where it is.
///
/// # Panics
/// When it is not there: a test that cannot try is no test that passed.
pub(crate) fn envoy() -> PathBuf {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = std::env::var_os("HEDDLE_ENVOY").map(PathBuf::from);
    let path = named.unwrap_or_else(|| workspace.join(".cache/envoy/bin/envoy"));
    assert!(
        path.is_file(),
        "there is no Envoy at {}: set HEDDLE_ENVOY to one, or run `make envoy`",
        path.display()
    );
    path
}

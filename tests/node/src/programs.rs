//! The programs of a node, as `xtask binaries` builds them.

use std::path::{Path, PathBuf};

fn cache() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("HEDDLE_CACHE").map_or_else(|| workspace.join(".cache"), PathBuf::from)
}

/// Returns the folder of etcd, Kubernetes, containerd, runc, CoreDNS and helm.
pub fn folder() -> PathBuf {
    cache().join("node")
}

/// Returns Envoy.
pub fn envoy() -> PathBuf {
    std::env::var_os("HEDDLE_ENVOY").map_or_else(|| cache().join("envoy/bin/envoy"), PathBuf::from)
}

/// Returns the linkerd2-proxy that `HEDDLE_LINKERD2_PROXY` names: there is no package of it.
pub fn linkerd2_proxy() -> Option<PathBuf> {
    std::env::var_os("HEDDLE_LINKERD2_PROXY").map(PathBuf::from)
}

/// Returns a static program of this workspace, as `xtask binaries` builds it.
pub fn built(name: &str) -> PathBuf {
    cache().join("static").join(name)
}

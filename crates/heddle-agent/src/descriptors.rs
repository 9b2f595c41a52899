//! The descriptors that this process and its child may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one. The child inherits it: a proxy has a descriptor for each connection.
///
/// A limit that cannot be raised stays as it is, and is logged: what the agent itself needs is bounded far below.
pub(crate) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, limit = current, "cannot raise the limit of open files");
    }
}

//! The number of files and connections that this process and its child may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one, and returns what holds then. A limit that cannot be raised stays as it is, and is
/// logged.
///
/// The soft limit is often 1,024 for the sake of programs that call `select`; these do not. A child inherits it: a proxy has
/// a descriptor for each connection.
pub fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = match raised {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, limit = current, "cannot raise the limit of open files");
            current
        }
    };
    limit.unwrap_or(u64::MAX)
}

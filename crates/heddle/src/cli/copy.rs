//! `heddle agent copy`: the agent in a folder of a Pod.

use anyhow::{Context, Result};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::{env, fs};

/// Copy this program to a path, and end.
///
/// For a container that brings the agent where an image cannot be a volume (Kubernetes before 1.35). Folders are made, and a
/// program that is there is replaced whole.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The path of the copy
    #[arg(value_name = "PATH")]
    to: PathBuf,
}

/// Copies beside the path and renames, so that a copy that was stopped is never started.
pub(crate) fn run(args: &Args) -> Result<()> {
    let to = &args.to;
    let at = || format!("cannot copy the agent to {}", to.display());
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(at)?;
    }
    let unfinished = to.with_extension("new");
    fs::copy(env::current_exe()?, &unfinished).with_context(at)?;
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o755)).with_context(at)?;
    fs::rename(&unfinished, to).with_context(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_whole_and_may_be_started() {
        let temporary = tempfile::tempdir().expect("a folder");
        let to = temporary.path().join("usr/bin/heddle");
        for _ in 0..2 {
            run(&Args { to: to.clone() }).expect("copied");
            let (copied, own) = (fs::metadata(&to).expect("there"), env::current_exe().expect("a path"));
            assert_eq!(copied.len(), fs::metadata(own).expect("there").len());
            assert_eq!(copied.permissions().mode() & 0o777, 0o755);
        }
        assert_eq!(fs::read_dir(to.parent().expect("a folder")).expect("read").count(), 1);
    }
}

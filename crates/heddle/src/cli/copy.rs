//! `heddle agent copy`: the agent in a folder of a Pod.

use anyhow::{Context, Result};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
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

/// Copies this program.
pub(crate) fn run(args: &Args) -> Result<()> {
    replace(&env::current_exe()?, &args.to)
}

/// Copies a program beside the path and renames it, so that a copy that was stopped is never started, and one that runs is
/// replaced whole.
pub(super) fn replace(program: &Path, to: &Path) -> Result<()> {
    let at = || format!("cannot copy {} to {}", program.display(), to.display());
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(at)?;
    }
    let unfinished = to.with_extension("new");
    fs::copy(program, &unfinished).with_context(at)?;
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

    #[test]
    fn a_program_that_may_be_started_takes_the_place_of_another() {
        let temporary = tempfile::tempdir().expect("a folder");
        let (program, placed) = (temporary.path().join("heddle"), temporary.path().join("bin/heddle-cni"));
        for bytes in ["one", "another"] {
            fs::write(&program, bytes).expect("written");
            replace(&program, &placed).expect("placed");
            assert_eq!(fs::read_to_string(&placed).expect("text"), bytes);
            assert_eq!(fs::metadata(&placed).expect("there").permissions().mode() & 0o777, 0o755);
        }
        let folder = placed.parent().expect("a folder");
        assert_eq!(fs::read_dir(folder).expect("read").count(), 1, "nothing is left over");
    }
}

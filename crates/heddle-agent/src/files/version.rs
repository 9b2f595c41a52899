//! Versions of certificates, switched by one link.

use crate::private::{self, BadFolder};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A number above those of all versions there, half-written ones included.
pub(super) fn next_version(folder: &Path) -> Result<u64, BadFolder> {
    let entries = fs::read_dir(folder).map_err(BadFolder::io("list", folder))?;
    let versions = entries.flatten().filter_map(|entry| version_of(&entry.file_name()));
    Ok(versions.max().unwrap_or(0) + 1)
}

/// The folder of the version in force; `None` if there is none.
pub(super) fn current_version(folder: &Path) -> Result<Option<PathBuf>, BadFolder> {
    let Ok(target) = fs::read_link(folder.join("..data")) else { return Ok(None) };
    // Agents write no other target: wherever this one leads, nothing is read there.
    if version_of(target.as_os_str()).is_none() {
        return Ok(None);
    }
    let version = folder.join(target);
    private::check_within(&version)?;
    Ok(Some(version))
}

fn version_of(name: &OsStr) -> Option<u64> {
    name.to_str()?.strip_prefix("..v")?.parse().ok()
}

/// Points the link `name` at `target`, in one step.
pub(super) fn link(folder: &Path, name: &str, target: &str) -> Result<(), BadFolder> {
    let (new, path) = (folder.join(format!("{name}.new")), folder.join(name));
    private::remove(&new)?;
    symlink(target, &new).map_err(BadFolder::io("link", &new))?;
    fs::rename(&new, &path).map_err(BadFolder::io("replace", &path))?;
    private::sync(folder)
}

/// The same, unless the link is there and right: links that stay are left alone.
pub(super) fn link_once(folder: &Path, name: &str, target: &str) -> Result<(), BadFolder> {
    let right = fs::read_link(folder.join(name)).is_ok_and(|found| found == Path::new(target));
    if right { Ok(()) } else { link(folder, name, target) }
}

/// Removes versions below this one. What cannot be removed is tried again next time: it harms nobody.
pub(super) fn remove_before(folder: &Path, version: u64) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if version_of(&entry.file_name()).is_some_and(|found| found < version) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

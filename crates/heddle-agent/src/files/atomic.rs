//! Steps that happen whole or not at all.

use super::BadFolder;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;

/// A number above those of all versions there, half-written ones included.
pub(super) fn next_version(folder: &Path) -> Result<u64, BadFolder> {
    let entries = fs::read_dir(folder).map_err(BadFolder::io("list", folder))?;
    let versions = entries.flatten().filter_map(|entry| version_of(&entry.file_name()));
    Ok(versions.max().unwrap_or(0) + 1)
}

fn version_of(name: &std::ffi::OsStr) -> Option<u64> {
    name.to_str()?.strip_prefix("..v")?.parse().ok()
}

/// Writes a file that is not there yet. It is on the disk when this returns.
pub(super) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), BadFolder> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.map_err(BadFolder::io("make", path))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(BadFolder::io("write", path))
}

/// Points the link `name` at `target`, in one step.
pub(super) fn link(folder: &Path, name: &str, target: &str) -> Result<(), BadFolder> {
    let (new, path) = (folder.join(format!("{name}.new")), folder.join(name));
    forget(&new)?;
    symlink(target, &new).map_err(BadFolder::io("link", &new))?;
    fs::rename(&new, &path).map_err(BadFolder::io("replace", &path))?;
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(BadFolder::io("write", folder))
}

/// The same, unless the link is there and right: links that stay are left alone.
pub(super) fn link_once(folder: &Path, name: &str, target: &str) -> Result<(), BadFolder> {
    let right = fs::read_link(folder.join(name)).is_ok_and(|found| found == Path::new(target));
    if right { Ok(()) } else { link(folder, name, target) }
}

/// Replaces a file's content, in one step.
pub(crate) fn replace(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> Result<(), BadFolder> {
    let (new, path) = (folder.join(format!(".{name}.new")), folder.join(name));
    forget(&new)?;
    write_new(&new, bytes, mode)?;
    fs::rename(&new, &path).map_err(BadFolder::io("replace", &path))
}

/// Removes versions below this one. What cannot be removed is tried again next time: it harms nobody.
pub(super) fn remove_before(folder: &Path, version: u64) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if version_of(&entry.file_name()).is_some_and(|found| found < version) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn forget(path: &Path) -> Result<(), BadFolder> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(BadFolder::io("remove", path)(error)),
        _ => Ok(()),
    }
}

//! A folder that only its owner enters, and files in it that only its owner wrote.
//!
//! Whoever may write into such a folder could give its owner a key that others know. So a folder is checked when it
//! is opened, and each file again when it is read: the folder may have been open to others before.

mod bad_folder;
mod write;

pub use bad_folder::BadFolder;
pub use write::{Access, remove, replace, stage, staged, switch};
pub(crate) use write::{sync, write_new};

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Permissions that others may not have on a private folder: any.
const ANYTHING: u32 = 0o077;
/// Permissions that others may not have on its content. They cannot reach it, unless they have opened it before.
const WRITING: u32 = 0o022;
/// Files above this are not read: keys and certificates have a few KiB.
const MAX_BYTES: u64 = 1024 * 1024;

/// Opens a private folder, which is made if it is missing. Returns its absolute path, without links.
///
/// # Errors
/// Refuses a folder that other users may enter, and one of another user: somebody else may have filled it.
pub fn open(path: &Path) -> Result<PathBuf, BadFolder> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(BadFolder::io("make", path))?;
    let path = fs::canonicalize(path).map_err(BadFolder::io("find", path))?;
    let metadata = fs::symlink_metadata(&path).map_err(BadFolder::io("look at", &path))?;
    check_owner(&path, &metadata)?;
    check_mode(&path, &metadata, ANYTHING)?;
    Ok(path)
}

/// Opens a folder within a private one, which is made if it is missing.
///
/// # Errors
/// Refuses links, and what another user owns or may write to.
pub fn open_within(path: &Path) -> Result<(), BadFolder> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(BadFolder::io("make", path)(error)),
        _ => check_within(path),
    }
}

/// Checks a folder within a private one.
///
/// # Errors
/// Refuses links, and what another user owns or may write to.
pub fn check_within(path: &Path) -> Result<(), BadFolder> {
    let metadata = fs::symlink_metadata(path).map_err(BadFolder::io("look at", path))?;
    match metadata.is_dir() {
        true => check_own(path, &metadata),
        false => Err(BadFolder::kind(path, &metadata, "a folder")),
    }
}

/// Reads a file in a private folder; `None` if there is none.
///
/// # Errors
/// Refuses links, whatever is no regular file, and what another user owns or may write to.
pub fn read(path: &Path) -> Result<Option<String>, BadFolder> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(BadFolder::io("look at", path)(error)),
        Ok(metadata) if !metadata.is_file() => {
            return Err(BadFolder::kind(path, &metadata, "a regular file"));
        }
        Ok(metadata) => check_own(path, &metadata)?,
    }
    read_regular(path).map(Some)
}

/// Reads a regular file, following links: nothing else is waited for.
///
/// # Errors
/// Refuses whatever is no regular file, and what is too large.
pub fn read_regular(path: &Path) -> Result<String, BadFolder> {
    let file = OpenOptions::new().read(true).custom_flags(nonblocking()).open(path);
    let file = file.map_err(BadFolder::io("read", path))?;
    let metadata = file.metadata().map_err(BadFolder::io("look at", path))?;
    match metadata.is_file() {
        true => bounded(file).map_err(BadFolder::io("read", path)),
        false => Err(BadFolder::kind(path, &metadata, "a regular file")),
    }
}

fn bounded(file: File) -> io::Result<String> {
    let mut text = String::new();
    let length = file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    match length as u64 > MAX_BYTES {
        true => Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {MAX_BYTES} bytes"))),
        false => Ok(text),
    }
}

/// A pipe that nobody writes to would be waited for otherwise.
fn nonblocking() -> i32 {
    rustix::fs::OFlags::NONBLOCK.bits().cast_signed()
}

fn check_own(path: &Path, metadata: &Metadata) -> Result<(), BadFolder> {
    check_owner(path, metadata)?;
    check_mode(path, metadata, WRITING)
}

/// Returns what belongs to root is as good: root can do anything to this process.
fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), BadFolder> {
    let (owner, own) = (metadata.uid(), rustix::process::geteuid().as_raw());
    match owner == own || owner == 0 {
        true => Ok(()),
        false => Err(BadFolder::Owner { path: path.into(), owner, own }),
    }
}

fn check_mode(path: &Path, metadata: &Metadata, forbidden: u32) -> Result<(), BadFolder> {
    let mode = metadata.mode() & 0o777;
    match mode & forbidden {
        0 => Ok(()),
        _ => Err(BadFolder::Exposed { path: path.into(), mode, want: mode & !forbidden }),
    }
}

#[cfg(test)]
mod tests;

//! Files that change whole or not at all.

use super::BadFolder;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The users that may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner.
    Owner,
    /// Whoever reaches its folder.
    Everyone,
}

impl Access {
    fn mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Everyone => 0o644,
        }
    }
}

/// The name of a file before it is switched into the place of `name`.
pub fn staged(name: &str) -> String {
    format!(".{name}.new")
}

/// Replaces a file's content in one step, which is on the disk when this returns.
///
/// # Errors
/// The older content stays if the new one cannot be written.
pub fn replace(folder: &Path, name: &str, bytes: &[u8], access: Access) -> Result<(), BadFolder> {
    let new = stage(folder, name, bytes, access)?;
    switch(folder, &new, name)
}

/// Writes what [`switch`] will put into the place of `name`. Returns its name.
///
/// # Errors
/// The file system's.
pub fn stage(folder: &Path, name: &str, bytes: &[u8], access: Access) -> Result<String, BadFolder> {
    let new = staged(name);
    remove(&folder.join(&new))?;
    write_new(&folder.join(&new), bytes, access)?;
    Ok(new)
}

/// Puts a staged file into its place.
///
/// # Errors
/// The file system's.
pub fn switch(folder: &Path, new: &str, name: &str) -> Result<(), BadFolder> {
    let path = folder.join(name);
    fs::rename(folder.join(new), &path).map_err(BadFolder::io("replace", &path))?;
    sync(folder)
}

/// Removes a file, if it is there.
///
/// # Errors
/// The file system's.
pub fn remove(path: &Path) -> Result<(), BadFolder> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(BadFolder::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Writes a file that is not there yet: nobody can have opened it before its mode was set. It is on the disk
/// when this returns.
pub(crate) fn write_new(path: &Path, bytes: &[u8], access: Access) -> Result<(), BadFolder> {
    let file = OpenOptions::new().write(true).create_new(true).mode(access.mode()).open(path);
    let mut file = file.map_err(BadFolder::io("make", path))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(BadFolder::io("write", path))
}

/// Has the names in a folder on the disk.
pub(crate) fn sync(folder: &Path) -> Result<(), BadFolder> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(BadFolder::io("write", folder))
}

//! The files of a directory, whatever else lies in it.

use rustix::fs::OFlags;
use std::fs::{FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 256 << 20;

const ENDINGS: [&str; 3] = [".yaml", ".yml", ".json"];

/// Something in a directory that is named as a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: String,
    /// The reason for which it cannot be read as one.
    pub(crate) fault: Option<&'static str>,
}

/// Returns whether a file of this name is read.
pub(crate) fn is_manifest(name: &str) -> bool {
    !name.starts_with('.') && ENDINGS.iter().any(|end| name.ends_with(end))
}

/// Lists what is named as a manifest, in the order of names. Hidden files and subdirectories are left out.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let lossy = name.to_string_lossy().into_owned();
        let fault = match name.to_str() {
            _ if !is_manifest(&lossy.to_ascii_lowercase()) => continue,
            None => Some("has a name that is not UTF-8: rename it"),
            Some(name) if !is_manifest(name) => Some("ends in upper case: name it .yaml, .yml or .json"),
            Some(_) => match std::fs::metadata(dir.join(&name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Some("is a link that leads nowhere"),
                Ok(metadata) if metadata.is_dir() => continue,
                Ok(metadata) => unreadable(metadata.file_type()),
                // Reading it says why it cannot be.
                Err(_) => None,
            },
        };
        entries.push(Entry { name: lossy, fault });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn unreadable(file_type: FileType) -> Option<&'static str> {
    match file_type {
        _ if file_type.is_file() => None,
        _ if file_type.is_fifo() => Some("is a pipe, want a regular file"),
        _ if file_type.is_socket() => Some("is a socket, want a regular file"),
        _ => Some("is a device, want a regular file"),
    }
}

/// The text of a regular file. Nothing else is waited for: it may have been put there since it was listed.
pub(crate) fn text(path: &Path) -> Result<String, String> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file =
        OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if let Some(fault) = unreadable(metadata.file_type()) {
        return Err(fault.into());
    }
    let mut text = String::new();
    let read = file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    match read as u64 > LARGEST {
        true => Err(format!("has {} bytes, at most {LARGEST} are read", metadata.len())),
        false => Ok(text),
    }
}

/// A directory, whatever its path.
pub(crate) type Identity = (u64, u64);

/// The directory that a path leads to; `None` if it leads to none.
pub(crate) fn identity(dir: &Path) -> Option<Identity> {
    let metadata = std::fs::metadata(dir).ok().filter(Metadata::is_dir)?;
    Some((metadata.dev(), metadata.ino()))
}

/// A fingerprint that tells two states of a directory apart without reading its files: where the directory and each manifest lie,
/// behind all links, how large they are, and when they were written.
pub(crate) type Fingerprint = Vec<(String, Option<(u64, u64, u64, i64, i64)>)>;

/// The fingerprint of a directory; empty where it cannot be read.
pub(crate) fn fingerprint(dir: &Path) -> Fingerprint {
    let found = |path: &Path| std::fs::metadata(path).ok();
    let own = found(dir).map(|metadata| (metadata.dev(), metadata.ino(), 0, 0, 0));
    let entries = list(dir).unwrap_or_default().into_iter();
    let files = entries.map(|entry| (found(&dir.join(&entry.name)).map(|file| seen(&file)), entry.name));
    std::iter::once((String::new(), own)).chain(files.map(|(seen, name)| (name, seen))).collect()
}

fn seen(file: &Metadata) -> (u64, u64, u64, i64, i64) {
    (file.dev(), file.ino(), file.len(), file.mtime(), file.mtime_nsec())
}

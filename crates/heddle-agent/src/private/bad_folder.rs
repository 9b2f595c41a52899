//! Reasons for which a folder for keys, or something in it, cannot be used.

use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// The reason for which a folder for keys, or something in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadFolder {
    /// The file system says no.
    #[error("cannot {action} {path:?}: {error}")]
    Io {
        /// The action that was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The error that came of it.
        error: io::Error,
    },
    /// A name that cannot be written where it must be.
    #[error("{0}")]
    Name(String),
    /// Other users could read or write what must be the owner's alone.
    #[error(
        "{path:?} is open to other users (mode {mode:04o}), who may have put keys there: if you trust what is in it, run `chmod {want:o} {}`",
        path.display()
    )]
    Exposed {
        /// The path.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode without what is too much.
        want: u32,
    },
    /// Another user put it there.
    #[error(
        "{path:?} belongs to user {owner}, and heddle runs as user {own}: remove it, or run `chown {own} {}` if you trust it",
        path.display()
    )]
    Owner {
        /// The path.
        path: PathBuf,
        /// The user who owns it.
        owner: u32,
        /// The user of this process.
        own: u32,
    },
    /// A link, a pipe, or whatever else nobody here makes.
    #[error("{path:?} is {kind}, want {want}: remove it")]
    Kind {
        /// The path.
        path: PathBuf,
        /// Its type.
        kind: &'static str,
        /// The type that is wanted.
        want: &'static str,
    },
}

impl BadFolder {
    /// The file system's error at `path`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self::Io { action, path, error }
    }

    pub(super) fn kind(path: &Path, metadata: &Metadata, want: &'static str) -> Self {
        Self::Kind { path: path.into(), kind: kind(metadata.file_type()), want }
    }
}

fn kind(file_type: FileType) -> &'static str {
    match file_type {
        _ if file_type.is_symlink() => "a symbolic link",
        _ if file_type.is_dir() => "a folder",
        _ if file_type.is_fifo() => "a pipe",
        _ if file_type.is_socket() => "a socket",
        _ if file_type.is_file() => "a regular file",
        _ => "a device",
    }
}

//! The files of a directory that somebody is writing, as far as the kernel's events tell.

use crate::entry::is_manifest;
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The events since the directory was read last.
#[derive(Debug, Default)]
pub(crate) struct Writers(Mutex<State>);

/// The unfinished part of the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Files that were made or changed, and not closed since.
    pub(crate) open: BTreeSet<String>,
    /// True if a file has gone since the directory was read last: others may be about to come in its place.
    pub(crate) removed: bool,
}

impl Writers {
    /// Takes one event of the directory.
    pub(crate) fn note(&self, event: &Event) {
        let mut state = self.lock();
        if event.need_rescan() {
            // Events were lost, and with them whether files were closed: nothing may be held for ever.
            state.open.clear();
        }
        let names = event.paths.iter().map(|path| (path, path.file_name().and_then(|name| name.to_str())));
        for (path, name) in names {
            if let Some(name) = name.filter(|name| is_manifest(name)) {
                state.note(&event.kind, path, name);
            }
        }
    }

    /// Returns how unfinished the directory is now.
    pub(crate) fn state(&self) -> State {
        self.lock().clone()
    }

    /// Begins anew: the directory is about to be read.
    pub(crate) fn begin_reading(&self) {
        self.lock().removed = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, kind: &EventKind, path: &Path, name: &str) {
        match kind {
            EventKind::Create(_) if is_made_whole(path) => {}
            EventKind::Create(_) | EventKind::Modify(ModifyKind::Data(_)) => {
                self.open.insert(name.into());
            }
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
                self.open.remove(name);
            }
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
                self.open.remove(name);
                self.removed = true;
            }
            EventKind::Any | EventKind::Access(_) | EventKind::Modify(_) | EventKind::Other => {}
        }
    }
}

/// A symbolic or hard link is there with its first event, and nobody closes it.
fn is_made_whole(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink() || found.nlink() > 1)
}

//! Waiting until a directory that changes has come to rest.
//!
//! A state that nobody meant to be read could be an open one: half of a policy, or the routes without the policies
//! that are copied after them. So a file counts once its writer has closed it, and files that go are given time to
//! be replaced by others.

use crate::entry::{Fingerprint, fingerprint};
use crate::writers::{State, Writers};
use notify::EventKind;
use notify::event::{AccessKind, AccessMode};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

/// The time that the directory must be quiet before it is read: an editor writes a file in several steps.
const QUIET: Duration = Duration::from_millis(20);
/// The same where a file has gone: whoever removes all files to copy others begins a process in between.
const QUIET_AFTER_REMOVAL: Duration = Duration::from_secs(1);
/// The time that a directory that is always written to is waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// The time that a file that nobody closes is waited for, and files that replace those that have gone.
const LONG_PATIENCE: Duration = Duration::from_secs(10);
/// The interval at which to look for changes that make no event: links that lead elsewhere, files behind links.
const POLL: Duration = Duration::from_millis(500);

/// The changes of a directory.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    writers: Writers,
    changed: Notify,
}

impl Changes {
    /// Takes one event.
    pub(crate) fn note(&self, event: notify::Result<notify::Event>) {
        match event {
            Ok(event) if !changes(&event.kind) => return,
            Ok(event) => self.writers.note(&event),
            Err(_) => {}
        }
        self.changed.notify_one();
    }

    /// Waits for a change of a directory that looked like this, and then for rest. Returns the files that are being
    /// written for so long that the others are not held back any more; those in `unfinished` were told before.
    pub(crate) async fn settled(
        &self,
        dir: &Path,
        seen: Fingerprint,
        unfinished: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        tokio::select! {
            () = self.changed.notified() => {}
            () = differs(dir, seen) => {}
        }
        let start = Instant::now();
        loop {
            let State { open, removed } = self.writers.state();
            let waits_for = open.difference(unfinished).count();
            let patience = if removed || waits_for > 0 { LONG_PATIENCE } else { PATIENCE };
            let left = patience.saturating_sub(start.elapsed());
            let quiet = match (waits_for, removed) {
                (1.., _) => LONG_PATIENCE,
                (0, true) => QUIET_AFTER_REMOVAL,
                (0, false) => QUIET,
            };
            let rests = timeout(quiet.min(left), self.changed.notified()).await.is_err();
            if !rests {
                continue;
            }
            // Nothing came in all that time: whatever is open by now was open before.
            for file in open.difference(unfinished) {
                tracing::warn!(file, "file is being written for long, keeping its last complete content");
            }
            self.writers.begin_reading();
            return open;
        }
    }

    /// Returns whether the directory has changed so since it came to rest that what was read of it may be unfinished.
    pub(crate) fn overtaken(&self, unfinished: &BTreeSet<String>) -> bool {
        let State { open, removed } = self.writers.state();
        removed || !open.is_subset(unfinished)
    }
}

/// Waits until the directory looks otherwise, and the same twice.
async fn differs(dir: &Path, seen: Fingerprint) {
    let mut last = seen.clone();
    loop {
        sleep(POLL).await;
        let now = look(dir).await;
        if now != seen && now == last {
            return;
        }
        last = now;
    }
}

async fn look(dir: &Path) -> Fingerprint {
    let dir = dir.to_path_buf();
    tokio::task::spawn_blocking(move || fingerprint(&dir)).await.expect("looking does not panic")
}

/// Reading the directory is an event too, and must not lead to reading it again.
fn changes(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

//! Following a directory.

#[cfg(test)]
mod tests;

use crate::changes::Changes;
use crate::entry;
use crate::fault::DirError;
use crate::folder::{Folder, Found};
use heddle_model::Event;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// The interval at which a directory that is gone is looked for.
const RETRY: Duration = Duration::from_secs(1);

/// The number of times in a row that what was read is thrown away because the directory changed meanwhile.
const MOST_OVERTAKEN: u32 = 5;

/// The state of a watched directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// It was read completely once: something is served.
    pub ready: bool,
    /// Its faults now. While there is any, what was read before is served.
    pub errors: Vec<DirError>,
}

/// The reason for which a directory cannot be followed at all. Start again with another directory or more inotify watches.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be watched: {cause}")]
pub struct WatchError {
    path: String,
    cause: notify::Error,
}

/// Follows `dir` until `queue` is closed: sends the complete list of every kind at first, and then of each
/// kind whose list changed. Sends nothing while anything in the directory is wrong; `state` says what.
///
/// # Errors
/// Watching cannot even begin. A directory that is missing is no such error: it is waited for.
pub async fn watch(
    dir: PathBuf,
    queue: mpsc::Sender<Event>,
    state: watch::Sender<State>,
) -> Result<(), WatchError> {
    let changes = Arc::new(Changes::default());
    let mut watcher = watcher(&dir, changes.clone())?;
    let mut served = None;
    let mut folder = Folder::new();
    let mut unfinished = BTreeSet::new();
    let mut armed = None;
    let mut overtaken = 0;
    loop {
        arm(&mut watcher, &dir, &mut armed);
        let (path, held) = (dir.clone(), unfinished.clone());
        let reading = tokio::task::spawn_blocking(move || {
            // Before the files are read: what changes meanwhile is found to be new afterwards.
            let fingerprint = entry::fingerprint(&path);
            let found = folder.read(&path, &held);
            (folder, fingerprint, found)
        });
        let (fingerprint, found);
        (folder, fingerprint, found) = reading.await.expect("reading does not panic");
        if changes.overtaken(&unfinished) && overtaken < MOST_OVERTAKEN {
            overtaken += 1;
        } else {
            overtaken = 0;
            if let Some(found) = note(found, &dir, &state)
                && !send(&queue, &mut served, found).await
            {
                return Ok(());
            }
            state.send_modify(|state| state.ready = served.is_some());
        }
        tokio::select! {
            held = changes.settled(&dir, fingerprint, &unfinished) => unfinished = held,
            () = sleep(RETRY), if armed.is_none() => {}
            () = queue.closed() => return Ok(()),
        }
    }
}

/// Watches the directory that the path leads to now. It may have led elsewhere before.
fn arm(watcher: &mut RecommendedWatcher, dir: &Path, armed: &mut Option<entry::Identity>) {
    let now = entry::identity(dir);
    if now.is_some() && now == *armed {
        return;
    }
    if armed.is_some() {
        let _gone = watcher.unwatch(dir);
    }
    *armed = now.filter(|_| watcher.watch(dir, RecursiveMode::NonRecursive).is_ok());
}

fn watcher(dir: &Path, changes: Arc<Changes>) -> Result<RecommendedWatcher, WatchError> {
    let watcher =
        notify::recommended_watcher(move |event: notify::Result<notify::Event>| changes.note(event));
    watcher.map_err(|cause| WatchError { path: dir.display().to_string(), cause })
}

/// Says what is wrong, once per change, and passes on what is right.
fn note(found: Result<Found, Vec<DirError>>, dir: &Path, state: &watch::Sender<State>) -> Option<Found> {
    let (found, errors) = match found {
        Ok(found) => (Some(found), Vec::new()),
        Err(errors) => (None, errors),
    };
    state.send_if_modified(|state| {
        if state.errors == errors {
            return false;
        }
        for error in &errors {
            tracing::error!(dir = %dir.display(), %error, "directory is invalid");
        }
        if errors.is_empty() {
            tracing::info!(dir = %dir.display(), "directory is valid again");
        } else if state.ready {
            tracing::error!(dir = %dir.display(), "keeping last valid configuration");
        }
        state.errors = errors;
        true
    });
    found
}

/// Sends what changed. Returns whether anyone still listens.
async fn send(queue: &mpsc::Sender<Event>, served: &mut Option<Found>, found: Found) -> bool {
    for kind in &found.passed_over {
        if !served.as_ref().is_some_and(|served| served.passed_over.contains(kind)) {
            tracing::info!(kind, "objects passed over: not a kind that Heddle reads");
        }
    }
    for (place, (kind, objects)) in found.lists.iter().enumerate() {
        let same = served.as_ref().is_some_and(|served| served.lists[place].1 == *objects);
        if !same && queue.send(Event::Replace(*kind, objects.clone())).await.is_err() {
            return false;
        }
    }
    *served = Some(found);
    true
}

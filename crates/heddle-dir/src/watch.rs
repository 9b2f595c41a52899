//! Following a directory.

#[cfg(test)]
mod tests;

use crate::fault::DirError;
use crate::folder::{Folder, Lists};
use heddle_model::Event;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{sleep, timeout};

/// How long the directory must be quiet before it is read: an editor writes a file in several steps.
const QUIET: Duration = Duration::from_millis(20);

/// How often at most the wait for quiet begins anew, so that a file that is always written is read too.
const PATIENCE: u32 = 25;

/// How often a directory that is gone is looked for.
const RETRY: Duration = Duration::from_secs(1);

/// What a watched directory has to say of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// It was read completely once: something is served.
    pub ready: bool,
    /// What is wrong with it now. While there is any, what was read before is served.
    pub errors: Vec<DirError>,
}

/// Why a directory cannot be followed at all. Start again with another directory or more inotify watches.
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
    let changed = Arc::new(Notify::new());
    let mut watcher = watcher(&dir, changed.clone())?;
    let mut served = None;
    let mut folder = Folder::new();
    loop {
        let armed = watcher.watch(&dir, RecursiveMode::NonRecursive).is_ok();
        let path = dir.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let lists = folder.read(&path);
            (folder, lists)
        });
        let lists;
        (folder, lists) = reading.await.expect("reading does not panic");
        let lists = note(lists, &dir, &state);
        if let Some(lists) = lists
            && !send(&queue, &mut served, lists).await
        {
            return Ok(());
        }
        state.send_modify(|state| state.ready = served.is_some());
        tokio::select! {
            () = settled(&changed) => {}
            () = sleep(RETRY), if !armed => {}
            () = queue.closed() => return Ok(()),
        }
    }
}

fn watcher(dir: &Path, changed: Arc<Notify>) -> Result<RecommendedWatcher, WatchError> {
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.map_or(true, |event| changes(&event.kind)) {
            changed.notify_one();
        }
    });
    watcher.map_err(|cause| WatchError { path: dir.display().to_string(), cause })
}

/// Reading the directory is an event too, and must not lead to reading it again.
fn changes(kind: &EventKind) -> bool {
    use notify::event::{AccessKind, AccessMode};
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

/// Waits for a change, and then for the directory to be quiet.
async fn settled(changed: &Notify) {
    changed.notified().await;
    for _ in 0..PATIENCE {
        if timeout(QUIET, changed.notified()).await.is_err() {
            return;
        }
    }
}

/// Says what is wrong, once per change, and passes on what is right.
fn note(lists: Result<Lists, Vec<DirError>>, dir: &Path, state: &watch::Sender<State>) -> Option<Lists> {
    let (lists, errors) = match lists {
        Ok(lists) => (Some(lists), Vec::new()),
        Err(errors) => (None, errors),
    };
    state.send_if_modified(|state| {
        if state.errors == errors {
            return false;
        }
        for error in &errors {
            tracing::error!(dir = %dir.display(), %error, "directory does not parse");
        }
        if errors.is_empty() {
            tracing::info!(dir = %dir.display(), "directory parses again");
        } else if state.ready {
            tracing::error!(dir = %dir.display(), "what was read before stays in force");
        }
        state.errors = errors;
        true
    });
    lists
}

/// Sends what changed. Returns whether anyone still listens.
async fn send(queue: &mpsc::Sender<Event>, served: &mut Option<Lists>, lists: Lists) -> bool {
    for (place, (kind, objects)) in lists.iter().enumerate() {
        let same = served.as_ref().is_some_and(|served| served[place].1 == *objects);
        if !same && queue.send(Event::Replace(*kind, objects.clone())).await.is_err() {
            return false;
        }
    }
    *served = Some(lists);
    true
}

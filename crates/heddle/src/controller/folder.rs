//! A folder as the source, and what is wrong with it.

use super::vital::VitalTasks;
use heddle_model::Event;
use std::path::PathBuf;
use tokio::sync::{mpsc, watch};

/// The objects that a source cannot read, a sentence each; empty while all is well.
pub(super) type Troubles = watch::Receiver<Vec<String>>;

/// Watches a folder for ever.
pub(super) fn watch(folder: PathBuf, queue: mpsc::Sender<Event>, vital: &mut VitalTasks) -> Troubles {
    let (tell, troubles) = watch::channel(Vec::new());
    let (say, mut said) = watch::channel(heddle_dir::State::default());
    tokio::spawn(async move {
        while said.changed().await.is_ok() {
            let texts: Vec<String> =
                said.borrow_and_update().errors.iter().map(ToString::to_string).collect();
            tell.send_replace(texts);
        }
    });
    vital.spawn("following the folder", async move {
        if let Err(error) = heddle_dir::watch(folder, queue, say).await {
            tracing::error!(%error, "folder watch failed");
        }
    });
    troubles
}

//! The mesh of a source, read once: what offline commands work on.

use crate::engine::{Limitations, OfLinkerd};
use crate::source::Source;
use heddle_dir::DirError;
use heddle_index::Index;
use heddle_model::{Event, Snapshot, SourceRef};
use std::path::{Path, PathBuf};

/// A mesh that does not change any more.
pub(crate) struct World {
    /// As resolved.
    pub snapshot: Snapshot,
    /// The limitations of linkerd2-proxies.
    pub limitations: Limitations,
    index: Index,
}

impl World {
    /// Returns where a folder's object was read, as `FILE:LINE`.
    pub(crate) fn origin(&self, object: &SourceRef) -> Option<&str> {
        self.index.meta(object)?.origin.as_deref()
    }
}

/// The reason for which a source cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// Objects of a folder that an API server would refuse.
    #[error("{} does not parse:\n{}", folder.display(), lines(errors))]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// All that is wrong, by file and line.
        errors: Vec<DirError>,
    },
    /// A cluster that cannot be asked.
    #[error("cannot read the cluster's objects")]
    Cluster(#[source] anyhow::Error),
}

fn lines(errors: &[DirError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads everything once.
///
/// # Errors
/// The source cannot be read, or not all of a folder can.
pub(crate) async fn load(source: &Source) -> Result<World, LoadError> {
    let events = match source {
        Source::Directory(folder) => read(folder)?,
        Source::Kubernetes => crate::cluster::list().await.map_err(LoadError::Cluster)?,
    };
    let mut index = Index::new();
    for event in events {
        index.apply(event);
    }
    let changed = index.resolve();
    let snapshot = index.snapshot();
    let mut linkerd = OfLinkerd::default();
    linkerd.follow(&changed, &snapshot);
    Ok(World { snapshot, limitations: linkerd.limitations(), index })
}

fn read(folder: &Path) -> Result<Vec<Event>, LoadError> {
    match heddle_dir::read(folder) {
        Ok(heddle_dir::Found { lists, passed_over }) => {
            for kind in passed_over {
                eprintln!("heddle: {kind} passed over: not a kind that Heddle reads");
            }
            Ok(lists.into_iter().map(|(kind, objects)| Event::Replace(kind, objects)).collect())
        }
        Err(errors) => Err(LoadError::Folder { folder: folder.into(), errors }),
    }
}

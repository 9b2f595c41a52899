//! The mesh of a source, read once: what offline commands work on.

use crate::engine::LIMITATIONS;
use crate::source::Source;
use heddle_dir::DirError;
use heddle_index::Index;
use heddle_model::{Event, Snapshot, SourceRef};
use heddle_status::LimitationTracker;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A mesh that does not change any more.
pub(crate) struct World {
    /// As resolved.
    pub snapshot: Snapshot,
    /// The limitations of proxies.
    pub limitations: LimitationTracker,
    /// The kinds of a folder's objects that say nothing to a mesh.
    pub passed_over: BTreeSet<String>,
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
    let (events, passed_over) = match source {
        Source::Directory(folder) => read(folder)?,
        Source::Kubernetes => (crate::cluster::list().await.map_err(LoadError::Cluster)?, BTreeSet::new()),
    };
    let mut index = Index::new();
    for event in events {
        index.apply(event);
    }
    index.resolve();
    let snapshot = index.snapshot();
    let limitations = LimitationTracker::of(LIMITATIONS, &snapshot);
    Ok(World { snapshot, limitations, passed_over, index })
}

fn read(folder: &Path) -> Result<(Vec<Event>, BTreeSet<String>), LoadError> {
    let heddle_dir::Found { lists, passed_over } =
        heddle_dir::read(folder).map_err(|errors| LoadError::Folder { folder: folder.into(), errors })?;
    for kind in &passed_over {
        eprintln!("heddle: {kind} passed over: not a kind that Heddle reads");
    }
    let lists = lists.into_iter().map(|(kind, objects)| Event::Replace(kind, objects));
    Ok((lists.collect(), passed_over))
}

//! The mesh of a source, read once: what offline commands work on.

use crate::source::Source;
use anyhow::{Context, Result, bail};
use heddle_index::Index;
use heddle_model::{Event, Snapshot};
use std::path::Path;

/// A mesh that does not change any more.
pub(crate) struct World {
    /// As resolved.
    pub snapshot: Snapshot,
}

/// Reads everything once.
pub(crate) async fn load(source: &Source) -> Result<World> {
    let events = match source {
        Source::Directory(folder) => read(folder)?,
        Source::Kubernetes => crate::cluster::list().await.context("cannot read the cluster's objects")?,
    };
    let mut index = Index::new();
    for event in events {
        index.apply(event);
    }
    index.resolve();
    Ok(World { snapshot: index.snapshot() })
}

fn read(folder: &Path) -> Result<Vec<Event>> {
    match heddle_dir::read(folder) {
        Ok(heddle_dir::Found { lists, passed_over }) => {
            for kind in passed_over {
                eprintln!("heddle: {kind} passed over: not a kind that Heddle reads");
            }
            Ok(lists.into_iter().map(|(kind, objects)| Event::Replace(kind, objects)).collect())
        }
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            bail!("{} does not parse:\n{}", folder.display(), lines.join("\n"))
        }
    }
}

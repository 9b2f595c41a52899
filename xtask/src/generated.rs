//! Generated files: written by `xtask generate`, compared by the tests.

use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// All files of one folder that one generator owns.
pub struct Generated {
    folder: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

impl Generated {
    /// No files yet, in a folder of the workspace.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), files: BTreeMap::new() }
    }

    /// Adds a file of the folder.
    pub fn add(&mut self, name: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.files.insert(name.into(), content.into());
    }

    /// Writes what differs and removes what is no longer generated. Returns how many files changed.
    pub fn write(&self, workspace: &Path) -> Result<usize> {
        let folder = workspace.join(&self.folder);
        fs::create_dir_all(&folder)?;
        let stale = self.stale(workspace)?;
        for name in &stale {
            match self.files.get(name) {
                Some(content) => fs::write(folder.join(name), content)?,
                None => fs::remove_file(folder.join(name))?,
            }
        }
        Ok(stale.len())
    }

    /// Fails and names every file that is not as it would be generated now.
    pub fn check(&self, workspace: &Path) -> Result<()> {
        let stale = self.stale(workspace)?;
        if stale.is_empty() {
            return Ok(());
        }
        bail!("stale in {} (run `make generate`): {stale:?}", self.folder.display())
    }

    fn stale(&self, workspace: &Path) -> Result<BTreeSet<String>> {
        let mut found = BTreeMap::new();
        let folder = workspace.join(&self.folder);
        if folder.is_dir() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                found.insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?);
            }
        }
        let names: BTreeSet<&String> = found.keys().chain(self.files.keys()).collect();
        Ok(names.into_iter().filter(|name| found.get(*name) != self.files.get(*name)).cloned().collect())
    }
}

//! Generated files: written by `xtask generate`, compared by the tests.

use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The files of one folder that one generator writes.
pub struct Generated {
    folder: PathBuf,
    /// True if other files of the folder are let alone.
    shared: bool,
    files: BTreeMap<String, Vec<u8>>,
}

impl Generated {
    /// No files yet, in a folder of the workspace that has no others.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), shared: false, files: BTreeMap::new() }
    }

    /// No files yet, beside others that are written by hand.
    pub fn among(folder: impl Into<PathBuf>) -> Self {
        Self { shared: true, ..Self::new(folder) }
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
        let entries = if folder.is_dir() { fs::read_dir(&folder)?.collect() } else { Vec::new() };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !self.shared || self.files.contains_key(&name) {
                found.insert(name, fs::read(entry.path())?);
            }
        }
        let names: BTreeSet<&String> = found.keys().chain(self.files.keys()).collect();
        Ok(names.into_iter().filter(|name| found.get(*name) != self.files.get(*name)).cloned().collect())
    }
}

//! A folder of manifests that scenes edit.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

/// A copy of manifests, which a controller reads.
pub struct Manifests(pub PathBuf);

impl Manifests {
    /// Copies all files of a folder.
    ///
    /// # Errors
    /// If one cannot be copied.
    pub fn copy(from: &Path, to: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&to)?;
        for entry in std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
            let entry = entry?;
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
        Ok(Self(to))
    }

    /// The text of one manifest.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self, file: &str) -> Result<String> {
        let path = self.0.join(file);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Replaces one manifest at once, or takes it away.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, file: &str, text: Option<&str>) -> Result<()> {
        let path = self.0.join(file);
        let Some(text) = text else { return Ok(std::fs::remove_file(path)?) };
        let hidden = self.0.join(format!(".{file}.new"));
        std::fs::write(&hidden, text)?;
        Ok(std::fs::rename(&hidden, path)?)
    }

    /// Replaces words in one manifest, once.
    ///
    /// # Errors
    /// If they are not there.
    pub fn edit(&self, file: &str, old: &str, new: &str) -> Result<()> {
        let text = self.read(file)?;
        let edited = text.replacen(old, new, 1);
        ensure!(edited != text, "{file} has no {old:?}");
        self.write(file, Some(&edited))
    }
}

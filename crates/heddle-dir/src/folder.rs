//! All objects of a directory.

#[cfg(test)]
mod tests;

use crate::document::documents;
use crate::fault::DirError;
use crate::manifest;
use crate::strict::Strict;
use heddle_model::{Kind, Lowered, SourceRef};
use std::collections::BTreeMap;
use std::path::Path;

/// The complete list of every kind, each ordered by name.
pub type Lists = Vec<(Kind, Vec<Lowered>)>;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 256 << 20;

/// Reads every `.yaml`, `.yml` and `.json` file of a directory, hidden files and subdirectories left out.
///
/// # Errors
/// Everything that is wrong in any file: then nothing of the directory may be used.
pub fn read(dir: &Path) -> Result<Lists, Vec<DirError>> {
    Folder::new().read(dir)
}

/// Reads files given as name and text.
///
/// # Errors
/// Everything that is wrong in any of them, in the order of files and lines; of two objects with one name the
/// second is wrong.
pub fn parse(files: &[(String, String)]) -> Result<Lists, Vec<DirError>> {
    Folder::new().update(files.to_vec())
}

/// A directory as it was last read, so that only files that changed since are parsed again.
pub(crate) struct Folder {
    strict: Strict,
    files: BTreeMap<String, Parsed>,
}

/// What one file says.
struct Parsed {
    text: String,
    objects: Vec<(u64, Lowered)>,
    faults: Vec<DirError>,
}

impl Folder {
    /// A directory that was never read.
    pub(crate) fn new() -> Self {
        Self { strict: Strict::new(), files: BTreeMap::new() }
    }

    /// Reads the directory, as [`read`] does.
    pub(crate) fn read(&mut self, dir: &Path) -> Result<Lists, Vec<DirError>> {
        let files = list(dir).map_err(|error| vec![io("", &format!("{}: {error}", dir.display()))])?;
        let mut texts = Vec::new();
        let mut faults = Vec::new();
        for file in files {
            match text(&dir.join(&file)) {
                Ok(text) => texts.push((file, text)),
                Err(error) => faults.push(io(&file, &error)),
            }
        }
        match self.update(texts) {
            Ok(lists) if faults.is_empty() => Ok(lists),
            Ok(_) => Err(faults),
            Err(more) => Err(faults.into_iter().chain(more).collect()),
        }
    }

    fn update(&mut self, texts: Vec<(String, String)>) -> Result<Lists, Vec<DirError>> {
        let mut before = std::mem::take(&mut self.files);
        for (file, text) in texts {
            let parsed = match before.remove(&file).filter(|parsed| parsed.text == text) {
                Some(parsed) => parsed,
                None => self.parse(&file, text),
            };
            self.files.insert(file, parsed);
        }
        self.lists()
    }

    fn parse(&self, file: &str, text: String) -> Parsed {
        let mut parsed = Parsed { text, objects: Vec::new(), faults: Vec::new() };
        match documents(file, &parsed.text) {
            Err(fault) => parsed.faults.push(fault),
            Ok(nodes) => {
                for node in nodes {
                    match manifest::read(file, &node, &self.strict) {
                        Ok(lowered) => parsed.objects.extend(lowered.map(|lowered| (node.line, lowered))),
                        Err(found) => parsed.faults.extend(found),
                    }
                }
            }
        }
        parsed
    }

    fn lists(&self) -> Result<Lists, Vec<DirError>> {
        let mut objects: BTreeMap<&SourceRef, &Lowered> = BTreeMap::new();
        let mut faults = Vec::new();
        for (file, parsed) in &self.files {
            faults.extend(parsed.faults.iter().cloned());
            for (line, lowered) in &parsed.objects {
                match objects.get(&lowered.source) {
                    Some(first) => faults.push(twice(file, *line, first)),
                    None => drop(objects.insert(&lowered.source, lowered)),
                }
            }
        }
        if faults.is_empty() { Ok(lists(objects)) } else { Err(faults) }
    }
}

fn lists(objects: BTreeMap<&SourceRef, &Lowered>) -> Lists {
    let mut lists: Lists = Kind::ALL.into_iter().map(|kind| (kind, Vec::new())).collect();
    for (source, lowered) in objects {
        let list = lists.iter_mut().find(|(kind, _)| *kind == source.kind);
        list.expect("every kind has a list").1.push(lowered.clone());
    }
    lists
}

fn twice(file: &str, line: u64, first: &Lowered) -> DirError {
    let origin = first.meta.origin.as_deref().unwrap_or_default();
    let message = format!("{} is there twice, first at {origin}", first.source);
    DirError { file: file.into(), line, field: "metadata.name".into(), message }
}

fn list(dir: &Path) -> std::io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        let manifest = [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
        if manifest && !name.starts_with('.') && !dir.join(&name).is_dir() {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}

fn text(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LARGEST {
        return Err(format!("has {size} bytes, at most {LARGEST} are read"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

fn io(file: &str, message: &str) -> DirError {
    DirError { file: file.into(), line: 0, field: String::new(), message: message.into() }
}

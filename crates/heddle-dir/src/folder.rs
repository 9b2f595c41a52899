//! All objects of a directory.

#[cfg(test)]
mod tests;

use crate::document::documents;
use crate::entry::{self, Entry};
use crate::fault::DirError;
use crate::manifest::{self, Object};
use crate::strict::Strict;
use heddle_model::{Kind, Lowered, SourceRef};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The complete list of every kind, each ordered by name.
pub type Lists = Vec<(Kind, Vec<Lowered>)>;

/// The content of a directory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The objects.
    pub lists: Lists,
    /// The apiVersions and kinds of objects that say nothing to a mesh: they were passed over.
    pub passed_over: BTreeSet<String>,
}

/// Reads every `.yaml`, `.yml` and `.json` file of a directory, hidden files and subdirectories left out.
///
/// # Errors
/// Everything that is wrong in any file: then nothing of the directory may be used.
pub fn read(dir: &Path) -> Result<Found, Vec<DirError>> {
    Folder::new().read(dir, &BTreeSet::new())
}

/// Reads files given as name and text.
///
/// # Errors
/// Everything that is wrong in any of them, in the order of files and lines; of two objects with one name the
/// second is wrong.
pub fn parse(files: &[(String, String)]) -> Result<Lists, Vec<DirError>> {
    Folder::new().update(files.to_vec()).map(|found| found.lists)
}

/// A directory as it was last read, so that only files that changed since are parsed again.
pub(crate) struct Folder {
    strict: Strict,
    files: BTreeMap<String, Parsed>,
}

/// The content of one file.
struct Parsed {
    text: String,
    objects: Vec<(u64, Lowered)>,
    passed_over: BTreeSet<String>,
    faults: Vec<DirError>,
}

impl Folder {
    /// A directory that was never read.
    pub(crate) fn new() -> Self {
        Self { strict: Strict::new(), files: BTreeMap::new() }
    }

    /// Reads the directory, as [`read`] does. Of files that somebody is writing, what they held before counts.
    pub(crate) fn read(&mut self, dir: &Path, unfinished: &BTreeSet<String>) -> Result<Found, Vec<DirError>> {
        let files = entry::list(dir).map_err(|error| vec![io("", &format!("{}: {error}", dir.display()))])?;
        let mut texts = Vec::new();
        let mut faults = Vec::new();
        for Entry { name, fault } in files {
            if let Some(message) = fault {
                faults.push(io(&name, message));
            } else if unfinished.contains(&name) {
                texts.extend(self.files.get(&name).map(|parsed| (name, parsed.text.clone())));
            } else {
                match entry::text(&dir.join(&name)) {
                    Ok(text) => texts.push((name, text)),
                    Err(error) => faults.push(io(&name, &error)),
                }
            }
        }
        match self.update(texts) {
            Ok(found) if faults.is_empty() => Ok(found),
            Ok(_) => Err(faults),
            Err(more) => Err(faults.into_iter().chain(more).collect()),
        }
    }

    fn update(&mut self, texts: Vec<(String, String)>) -> Result<Found, Vec<DirError>> {
        let mut before = std::mem::take(&mut self.files);
        for (file, text) in texts {
            let parsed = match before.remove(&file).filter(|parsed| parsed.text == text) {
                Some(parsed) => parsed,
                None => self.parse(&file, text),
            };
            self.files.insert(file, parsed);
        }
        self.found()
    }

    fn parse(&self, file: &str, text: String) -> Parsed {
        let mut parsed =
            Parsed { text, objects: Vec::new(), passed_over: BTreeSet::new(), faults: Vec::new() };
        match documents(file, &parsed.text) {
            Err(fault) => parsed.faults.push(fault),
            Ok(nodes) => {
                for node in nodes {
                    match manifest::read(file, &node, &self.strict) {
                        Ok(Object::Read(lowered)) => parsed.objects.push((node.line, *lowered)),
                        Ok(Object::PassedOver(kind)) => drop(parsed.passed_over.insert(kind)),
                        Err(found) => parsed.faults.extend(found),
                    }
                }
            }
        }
        parsed
    }

    fn found(&self) -> Result<Found, Vec<DirError>> {
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
        if !faults.is_empty() {
            return Err(faults);
        }
        let passed_over = self.files.values().flat_map(|parsed| parsed.passed_over.iter().cloned()).collect();
        Ok(Found { lists: lists(objects), passed_over })
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

fn io(file: &str, message: &str) -> DirError {
    DirError { file: file.into(), line: 0, field: String::new(), message: message.into() }
}

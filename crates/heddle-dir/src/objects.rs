//! Objects of any kind, as they are written, for who lowers nothing.

use crate::document::documents;
use crate::entry;
use crate::fault::DirError;
use serde_json::Value;
use std::path::Path;

/// Returns the objects of a file, or of the manifests of a directory in the order of their names.
///
/// # Errors
/// The first file that cannot be read, or is no YAML.
pub fn objects(path: &Path) -> Result<Vec<Value>, DirError> {
    let file = path.display().to_string();
    let fault =
        |file: &str, message: String| DirError { file: file.into(), line: 0, field: String::new(), message };
    if !path.is_dir() {
        return objects_of(&file, &entry::text(path).map_err(|message| fault(&file, message))?);
    }
    let mut all = Vec::new();
    for entry in entry::list(path).map_err(|error| fault(&file, error.to_string()))? {
        match entry.fault {
            Some(message) => return Err(fault(&entry.name, message.into())),
            None => all.extend(objects(&path.join(&entry.name))?),
        }
    }
    Ok(all)
}

/// Returns the objects of a text, which errors call `file`.
///
/// # Errors
/// A text that is no YAML, with the line.
pub fn objects_of(file: &str, text: &str) -> Result<Vec<Value>, DirError> {
    Ok(documents(file, text)?.iter().map(crate::node::Node::value).collect())
}

//! Positions of fields in the files of a directory.

use crate::document::documents;
use crate::node::Node;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The files of a directory, each parsed again when a position in it is first asked for.
#[derive(Debug)]
pub struct Positions {
    dir: PathBuf,
    files: BTreeMap<String, Vec<Node>>,
}

impl Positions {
    /// The files of `dir`.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.into(), files: BTreeMap::new() }
    }

    /// Returns the file and line of `field` of the object that was read at `origin` (`FILE:LINE`); the line of the
    /// object itself where the field is not there, or where the file was changed since.
    pub fn find(&mut self, origin: &str, field: &str) -> Option<(PathBuf, u64)> {
        let (file, line) = origin.rsplit_once(':')?;
        let line: u64 = line.parse().ok()?;
        let path = self.dir.join(file);
        let nodes = self.files.entry(file.into()).or_insert_with(|| {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            documents(file, &text).unwrap_or_default()
        });
        let object = nodes.iter().find(|node| node.line == line);
        Some((path, object.map_or(line, |node| node.line_of(field))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_where_it_was_written() {
        let dir = tempfile::tempdir().expect("a folder");
        let text = "kind: A\n---\nkind: B\nspec:\n  ports:\n  - 80\n  - 81\n";
        std::fs::write(dir.path().join("a.yaml"), text).expect("it is written");
        let mut positions = Positions::new(dir.path());
        let mut line = |origin, field| positions.find(origin, field).map(|(_, line)| line);
        assert_eq!(line("a.yaml:3", "spec.ports[1]"), Some(7));
        assert_eq!(line("a.yaml:3", "spec.selector"), Some(4), "what should have it");
        assert_eq!(line("a.yaml:3", ""), Some(3));
        assert_eq!(line("a.yaml:9", "spec"), Some(9), "the file was changed");
        assert_eq!(line("gone.yaml:2", "spec"), Some(2));
        assert_eq!(line("elsewhere", "spec"), None);
    }
}

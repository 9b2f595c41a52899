//! Faults of a directory.

use std::fmt;

/// Something in a directory that keeps it from being used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirError {
    /// The file, relative to the directory; empty where the directory itself cannot be read.
    pub file: String,
    /// The line, from 1; 0 where no line can be named.
    pub line: u64,
    /// The place in the object, as a path from its root; empty for the whole.
    pub field: String,
    /// A sentence: the value that came and the one that is wanted.
    pub message: String,
}

/// `FILE:LINE: FIELD: MESSAGE`, without the parts that are not known.
impl fmt::Display for DirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, field, message } = self;
        match (file.is_empty(), *line) {
            (true, _) => {}
            (false, 0) => write!(f, "{file}: ")?,
            (false, line) => write!(f, "{file}:{line}: ")?,
        }
        if !field.is_empty() {
            write!(f, "{field}: ")?;
        }
        f.write_str(message)
    }
}

impl std::error::Error for DirError {}

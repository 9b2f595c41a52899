//! The plugin's program and its entry in a node's network configuration.
//!
//! Both are kept while the keeper runs and stay when it ends, so that no Pod starts uncaptured while it is replaced. An agent
//! that writes the configuration anew takes the entry away for as long as it takes to notice.

use super::conflist::{self, ConflistError};
use super::plugin::NAME;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Names of files that a runtime reads: it takes the first of them.
const READ: [&str; 3] = ["conf", "conflist", "json"];

/// The folders of a node's CNI plugins, as they are mounted here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The folder of configurations, usually `/etc/cni/net.d`.
    pub configurations: PathBuf,
    /// The folder of programs, usually `/opt/cni/bin`.
    pub programs: PathBuf,
}

/// A state of the node in which the plugin is not called.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// A file or folder cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The node has no network yet.
    #[error("no network is configured in {} yet", .0.display())]
    NoNetwork(PathBuf),
    /// The first configuration is one plugin, to which no other can be added.
    #[error("{}: the runtime reads this file, and it is one plugin: the network must be configured by a .conflist", .0.display())]
    OnePlugin(PathBuf),
    /// The first configuration is no list.
    #[error("{}: {error}", path.display())]
    Conflist {
        /// The file.
        path: PathBuf,
        /// Its fault.
        error: ConflistError,
    },
    /// The entry or the program is not there.
    #[error("{}: {NAME} is not there", .0.display())]
    Missing(PathBuf),
}

type Result<T> = std::result::Result<T, InstallationError>;

impl Installation {
    /// Returns the path at which the runtime looks for the program.
    pub fn program(&self) -> PathBuf {
        self.programs.join(NAME)
    }

    /// Adds the entry where it is not. Returns the file that was changed.
    ///
    /// # Errors
    /// Names the file, or the folder in which there is none.
    pub fn add_entry(&self) -> Result<Option<PathBuf>> {
        let path = self.first()?;
        self.change(&path, conflist::with_plugin)
    }

    /// Takes the entry and the program away. Returns the file that was changed.
    ///
    /// # Errors
    /// Names the file.
    pub fn remove(&self) -> Result<Option<PathBuf>> {
        let changed = match self.first() {
            Ok(path) => self.change(&path, conflist::without_plugin)?,
            Err(InstallationError::NoNetwork(_) | InstallationError::OnePlugin(_)) => None,
            Err(other) => return Err(other),
        };
        let program = self.program();
        match fs::remove_file(&program) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(&program)(error)),
            _ => Ok(changed),
        }
    }

    /// Checks that the runtime calls the plugin, and that its program is there.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn check(&self) -> Result<()> {
        let path = self.first()?;
        let text = fs::read(&path).map_err(io_error(&path))?;
        match conflist::with_plugin(&text) {
            Ok(None) => {}
            Ok(Some(_)) => return Err(InstallationError::Missing(path)),
            Err(error) => return Err(InstallationError::Conflist { path, error }),
        }
        let program = self.program();
        if program.is_file() { Ok(()) } else { Err(InstallationError::Missing(program)) }
    }

    /// The file that the runtime reads.
    fn first(&self) -> Result<PathBuf> {
        let folder = &self.configurations;
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(io_error(folder))? {
            let path = entry.map_err(io_error(folder))?.path();
            if path.extension().and_then(|end| end.to_str()).is_some_and(|end| READ.contains(&end)) {
                files.push(path);
            }
        }
        let first = files.into_iter().min().ok_or_else(|| InstallationError::NoNetwork(folder.clone()))?;
        let listed = first.extension().is_some_and(|end| end == "conflist");
        if listed { Ok(first) } else { Err(InstallationError::OnePlugin(first)) }
    }

    fn change(
        &self,
        path: &Path,
        change: impl FnOnce(&[u8]) -> std::result::Result<Option<String>, ConflistError>,
    ) -> Result<Option<PathBuf>> {
        let text = fs::read(path).map_err(io_error(path))?;
        let conflist = |error| InstallationError::Conflist { path: path.into(), error };
        let Some(changed) = change(&text).map_err(conflist)? else { return Ok(None) };
        replace(path, changed.as_bytes())?;
        Ok(Some(path.into()))
    }
}

/// Writes a file beside another, under a name that no runtime reads, and puts it in its place.
fn replace(to: &Path, bytes: &[u8]) -> Result<()> {
    let folder = to.parent().unwrap_or(Path::new("/"));
    let written = tempfile::Builder::new().prefix(".heddle-").tempfile_in(folder).and_then(|mut file| {
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(to).map_err(|failed| failed.error)
    });
    written.map(drop).map_err(io_error(to))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> InstallationError {
    let path = path.to_owned();
    |error| InstallationError::Io { path, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"cniVersion": "1.0.0", "name": "node", "plugins": [{"type": "bridge"}]}"#;

    fn node() -> (tempfile::TempDir, Installation) {
        let folder = tempfile::tempdir().expect("a folder");
        let [configurations, programs] = ["net.d", "bin"].map(|name| folder.path().join(name));
        for part in [&configurations, &programs] {
            fs::create_dir(part).expect("a folder");
        }
        (folder, Installation { configurations, programs })
    }

    #[test]
    fn the_first_list_gets_the_entry_and_gets_it_again() {
        let (_folder, node) = node();
        assert!(matches!(node.add_entry(), Err(InstallationError::NoNetwork(_))));
        let [first, second] = ["05-a.conflist", "10-b.conflist"].map(|name| node.configurations.join(name));
        fs::write(&second, LIST).expect("written");
        fs::write(node.configurations.join("00-readme.txt"), "").expect("written");
        assert_eq!(node.add_entry().expect("added"), Some(second.clone()));
        assert_eq!(node.add_entry().expect("there"), None);
        assert!(matches!(node.check(), Err(InstallationError::Missing(path)) if path == node.program()));
        fs::write(node.program(), "a program").expect("placed");
        node.check().expect("all is there");
        fs::write(&second, LIST).expect("another agent");
        assert!(matches!(node.check(), Err(InstallationError::Missing(path)) if path == second));
        assert_eq!(node.add_entry().expect("added"), Some(second.clone()));
        fs::write(&first, LIST).expect("another network");
        assert_eq!(node.add_entry().expect("added"), Some(first.clone()));
        node.remove().expect("removed");
        assert!(!fs::read_to_string(&first).expect("text").contains(NAME));
        assert_eq!(fs::read_dir(&node.programs).expect("a folder").count(), 0);
    }

    #[test]
    fn one_plugin_is_not_changed() {
        let (_folder, node) = node();
        let one = node.configurations.join("10-b.conf");
        fs::write(&one, r#"{"type": "bridge"}"#).expect("written");
        let error = node.add_entry().expect_err("no list").to_string();
        assert!(error.contains("10-b.conf") && error.contains(".conflist"), "{error}");
    }
}

//! Key, chain and bundle in files that change all at once.
//!
//! The layout of Kubernetes' projected volumes, which everything that watches certificates understands:
//! `tls.key`, `tls.crt` and `ca.crt` are links into `..data`, which is a link to `..v<N>`. A new version is
//! written in a folder of its own, then one rename of a new `..data` over the old one switches all three.

pub(crate) mod atomic;

use crate::sds::{self, NotUtf8};
use heddle_ca::{Answer, PrivateKey};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const FILES: [&str; 3] = ["tls.key", "tls.crt", "ca.crt"];

/// Why the folder for certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadFolder {
    /// The file system says no.
    #[error("cannot {action} {path:?}: {error}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What came of it.
        error: io::Error,
    },
    /// Its name.
    #[error("{0}")]
    Name(String),
}

impl BadFolder {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self::Io { action, path, error }
    }
}

impl From<NotUtf8> for BadFolder {
    fn from(name: NotUtf8) -> Self {
        Self::Name(name.to_string())
    }
}

/// The folder of one workload. There is one writer: two agents in one folder would lose each other's files.
pub(crate) struct Folder {
    certs: PathBuf,
    sds: PathBuf,
    /// Each SDS file in two spellings.
    identity: [String; 2],
    roots: [String; 2],
}

impl Folder {
    /// Makes the folder and what it has inside, as far as it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, BadFolder> {
        fs::create_dir_all(path).map_err(BadFolder::io("make", path))?;
        let path = fs::canonicalize(path).map_err(BadFolder::io("find", path))?;
        let (certs, sds) = (path.join("certs"), path.join("sds"));
        for folder in [&certs, &sds] {
            fs::create_dir_all(folder).map_err(BadFolder::io("make", folder))?;
        }
        let [plain, other] = sds::spellings(&certs);
        let identity = [sds::identity(&certs, &plain)?, sds::identity(&certs, &other)?];
        let roots = [sds::roots(&certs, &plain)?, sds::roots(&certs, &other)?];
        Ok(Self { certs, sds, identity, roots })
    }

    /// What an agent before this one left here, if it is still good: with it the child can start while the
    /// controller is away. Anything else counts as nothing.
    pub(crate) fn read(&self, now: SystemTime) -> Option<Answer> {
        let text = |name| fs::read_to_string(self.certs.join(name)).ok();
        let key = PrivateKey::from_pem(&text("tls.key")?).ok()?;
        Answer::read(&text("tls.crt")?, &text("ca.crt")?, &key.public(), now).ok()
    }

    /// Writes a new version and switches to it. On an error the version before stays in force, whole.
    pub(crate) fn write(&self, key: &PrivateKey, answer: &Answer) -> Result<(), BadFolder> {
        let Answer { chain, bundle, validity: _ } = answer;
        let key = key.secret_pem();
        let texts = [key.as_str(), chain.as_str(), bundle.pem()];
        let version = atomic::next_version(&self.certs)?;
        let folder = self.certs.join(format!("..v{version}"));
        fs::create_dir(&folder).map_err(BadFolder::io("make", &folder))?;
        for (name, text) in FILES.into_iter().zip(texts) {
            atomic::write_new(&folder.join(name), text.as_bytes(), mode(name))?;
        }
        atomic::link(&self.certs, "..data", &format!("..v{version}"))?;
        for name in FILES {
            atomic::link_once(&self.certs, name, &format!("..data/{name}"))?;
        }
        atomic::remove_before(&self.certs, version.saturating_sub(1));
        Ok(())
    }

    /// Writes the SDS files, each in the spelling that is not there, and renames them into place: so an
    /// Envoy that read them before there were certificates reads them again.
    pub(crate) fn announce(&self) -> Result<(), BadFolder> {
        for (name, [text, other]) in [("roots.yaml", &self.roots), ("identity.yaml", &self.identity)] {
            let there = fs::read_to_string(self.sds.join(name)).unwrap_or_default();
            let text = if there == *text { other } else { text };
            atomic::replace(&self.sds, name, text.as_bytes(), 0o644)?;
        }
        Ok(())
    }
}

fn mode(name: &str) -> u32 {
    if name == "tls.key" { 0o600 } else { 0o644 }
}

#[cfg(test)]
mod tests;

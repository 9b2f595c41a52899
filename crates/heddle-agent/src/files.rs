//! Key, chain and bundle in files that change all at once.
//!
//! The layout of Kubernetes' projected volumes, which everything that watches certificates understands:
//! `tls.key`, `tls.crt` and `ca.crt` are links into `..data`, which is a link to `..v<N>`. A new version is
//! written in a folder of its own, then one rename of a new `..data` over the old one switches all three.

mod version;

use crate::private::{self, Access, BadFolder};
use crate::sds::{self, NotUtf8};
use heddle_ca::{Answer, PrivateKey};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const FILES: [&str; 3] = ["tls.key", "tls.crt", "ca.crt"];

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
        let path = private::open(path)?;
        let (certs, sds) = (path.join("certs"), path.join("sds"));
        for folder in [&certs, &sds] {
            private::open_within(folder)?;
        }
        let [plain, other] = sds::spellings(&certs);
        let identity = [sds::identity(&certs, &plain)?, sds::identity(&certs, &other)?];
        let roots = [sds::roots(&certs, &plain)?, sds::roots(&certs, &other)?];
        Ok(Self { certs, sds, identity, roots })
    }

    /// Returns what an agent before this one left here, if it is still good: with it the child can start while the
    /// controller is away. What cannot be used counts as nothing.
    ///
    /// # Errors
    /// Refuses what no agent of this user left here.
    pub(crate) fn read(&self, now: SystemTime) -> Result<Option<Answer>, BadFolder> {
        let Some(folder) = version::current_version(&self.certs)? else { return Ok(None) };
        let [key, chain, roots] = FILES.map(|name| private::read(&folder.join(name)));
        let (Some(key), Some(chain), Some(roots)) = (key?, chain?, roots?) else { return Ok(None) };
        let Ok(key) = PrivateKey::from_pem(&key) else { return Ok(None) };
        Ok(Answer::read(&chain, &roots, &key.public(), now).ok())
    }

    /// Writes a new version and switches to it. On an error the version before stays in force, whole.
    pub(crate) fn write(&self, key: &PrivateKey, answer: &Answer) -> Result<(), BadFolder> {
        let Answer { chain, bundle, validity: _ } = answer;
        let key = key.secret_pem();
        let texts = [key.as_str(), chain.as_str(), bundle.pem()];
        let number = version::next_version(&self.certs)?;
        let folder = self.certs.join(format!("..v{number}"));
        fs::create_dir(&folder).map_err(BadFolder::io("make", &folder))?;
        for (name, text) in FILES.into_iter().zip(texts) {
            private::write_new(&folder.join(name), text.as_bytes(), access(name))?;
        }
        version::link(&self.certs, "..data", &format!("..v{number}"))?;
        for name in FILES {
            version::link_once(&self.certs, name, &format!("..data/{name}"))?;
        }
        version::remove_before(&self.certs, number.saturating_sub(1));
        Ok(())
    }

    /// Writes the SDS files, each in the spelling that is not there, and renames them into place: so an
    /// Envoy that read them before there were certificates reads them again.
    pub(crate) fn announce(&self) -> Result<(), BadFolder> {
        for (name, [text, other]) in [("roots.yaml", &self.roots), ("identity.yaml", &self.identity)] {
            let there = fs::read_to_string(self.sds.join(name)).unwrap_or_default();
            let text = if there == *text { other } else { text };
            private::replace(&self.sds, name, text.as_bytes(), Access::Everyone)?;
        }
        Ok(())
    }
}

fn access(name: &str) -> Access {
    if name == "tls.key" { Access::Owner } else { Access::Everyone }
}

#[cfg(test)]
mod tests;

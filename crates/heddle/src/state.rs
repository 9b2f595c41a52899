//! The state folder of a controller without Kubernetes: its authority and the key that signs tokens.
//!
//! ```text
//! root.pem  root.key  intermediate.pem  intermediate.key   made at the first start, or put there by hand
//! roots.pem                                                the anchors, for agents
//! token.key                                                signs tokens
//! controller.lock                                          held by the controller that runs on the folder
//! write.lock                                               held by whoever makes one of the files
//! ```
//!
//! Whatever file has its name is complete: it was written under another one, and renamed.

mod lock;
mod pair;
mod tokens;

pub(crate) use lock::Lock;
pub(crate) use tokens::{AUDIENCE, token_rules, with_linkerd};

use crate::authority::Material;
use anyhow::{Context, Result};
use heddle_agent::private::{self, Access};
use heddle_ca::PrivateKey;
use heddle_ca::authority::{Pair, intermediate, renewal, root};
use heddle_ca::token::TokenKey;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const ROOT: &str = "root";
const INTERMEDIATE: &str = "intermediate";
const ROOTS: &str = "roots.pem";
const TOKEN_KEY: &str = "token.key";

/// A state folder.
#[derive(Clone)]
pub(crate) struct State(PathBuf);

impl State {
    /// Opens the folder, which is made if it is missing.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        private::open(folder).map(Self).context("the state folder cannot be used")
    }

    /// Claims the folder for one controller, as long as the lock is kept.
    pub(crate) fn claim(&self) -> Result<Lock> {
        Lock::claim(&self.0)
    }

    /// Makes what is missing of the authority, and an intermediate in the place of one that ends.
    pub(crate) fn renew_authority(&self, now: SystemTime) -> Result<()> {
        let _writing = Lock::wait(&self.0)?;
        for name in [ROOT, INTERMEDIATE] {
            pair::recover(&self.0, name)?;
        }
        match self.read("intermediate.pem")? {
            None => self.make_intermediate(now)?,
            Some(signing) => self.renew_intermediate(&signing, now)?,
        }
        match (self.read(ROOTS)?, self.read("root.pem")?) {
            (None, Some(root)) => self.write(ROOTS, &root, Access::Everyone),
            _ => Ok(()),
        }
    }

    /// The authority as its files are now.
    pub(crate) fn authority(&self) -> Result<Material> {
        let _writing = Lock::wait(&self.0)?;
        let text = |name: &str| self.read(name)?.with_context(|| format!("{} is missing", self.path(name)));
        Ok(Material { roots: text(ROOTS)?, chain: text("intermediate.pem")?, key: text("intermediate.key")? })
    }

    fn make_intermediate(&self, now: SystemTime) -> Result<()> {
        let above = match self.read("root.pem")? {
            Some(certificate) => self.root(certificate)?,
            None => {
                let made = root(now, &mut random);
                pair::write(&self.0, ROOT, &made)?;
                made
            }
        };
        self.sign_intermediate(&above, now)
    }

    /// Only where the root's key is there: an operator may keep it elsewhere, and the intermediate is then theirs.
    fn renew_intermediate(&self, signing: &str, now: SystemTime) -> Result<()> {
        let (Some(certificate), Some(_)) = (self.read("root.pem")?, self.read("root.key")?) else {
            return Ok(());
        };
        let due = renewal(signing, &certificate).context("cannot tell when the intermediate ends")?;
        match due.is_some_and(|due| due <= now) {
            true => self.sign_intermediate(&self.root(certificate)?, now),
            false => Ok(()),
        }
    }

    fn sign_intermediate(&self, above: &Pair, now: SystemTime) -> Result<()> {
        let signing = intermediate(above, now, &mut random)
            .with_context(|| format!("the root in {} cannot be used", self.0.display()))?;
        pair::write(&self.0, INTERMEDIATE, &signing)
    }

    fn root(&self, certificate: String) -> Result<Pair> {
        let text = self.read("root.key")?.with_context(|| format!("{} is missing", self.path("root.key")))?;
        let key =
            PrivateKey::from_pem(&text).with_context(|| format!("{} is no key", self.path("root.key")))?;
        Ok(Pair { certificate, key })
    }

    /// The key that signs tokens, made if it is missing.
    pub(crate) fn token_key(&self) -> Result<TokenKey> {
        let text = match self.read(TOKEN_KEY)? {
            Some(text) => text,
            None => self.make_token_key()?,
        };
        TokenKey::from_pem(&text).with_context(|| format!("{} is no key", self.path(TOKEN_KEY)))
    }

    /// Another process may have been first: then its key holds.
    fn make_token_key(&self) -> Result<String> {
        let _writing = Lock::wait(&self.0)?;
        if let Some(text) = self.read(TOKEN_KEY)? {
            return Ok(text);
        }
        let text = TokenKey::generate().secret_pem();
        self.write(TOKEN_KEY, &text, Access::Owner)?;
        Ok(text)
    }

    fn read(&self, name: &str) -> Result<Option<String>> {
        Ok(private::read(&self.0.join(name))?)
    }

    fn write(&self, name: &str, text: &str, access: Access) -> Result<()> {
        Ok(private::replace(&self.0, name, text.as_bytes(), access)?)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.display())
    }
}

/// Fills a slice with random bytes of the operating system.
pub(crate) fn random(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the operating system has randomness");
}

#[cfg(test)]
mod tests;

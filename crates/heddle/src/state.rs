//! The state folder of a controller without Kubernetes: its authority and the key that signs tokens.
//!
//! ```text
//! root.pem  root.key  intermediate.pem  intermediate.key   made at the first start, or put there by hand
//! roots.pem                                                the anchors, for agents
//! token.key                                                signs tokens
//! ```

use anyhow::{Context, Result};
use heddle_ca::authority::{Pair, intermediate, root};
use heddle_ca::token::{Rules, TokenKey};
use heddle_ca::{Authority, PrivateKey};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The issuer of tokens made without Kubernetes.
const ISSUER: &str = "heddle";
/// The audience of tokens that are shown to Heddle.
pub(crate) const AUDIENCE: &str = "heddle";
/// The audience of tokens that Linkerd's injector mounts; good for nothing but a certificate.
const LINKERD_AUDIENCE: &str = "identity.l5d.io";

/// A state folder.
pub(crate) struct State(PathBuf);

impl State {
    /// The folder, made if it is missing, readable by its owner only.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
        builder
            .create(folder)
            .with_context(|| format!("cannot make the state folder {}", folder.display()))?;
        Ok(Self(folder.to_path_buf()))
    }

    /// The authority; what is missing of it is made.
    pub(crate) fn authority(&self, now: SystemTime) -> Result<Authority> {
        if !self.has("intermediate.pem") {
            self.make_intermediate(now)?;
        }
        if !self.has("roots.pem") {
            self.write("roots.pem", &self.read("root.pem")?, Who::Everyone)?;
        }
        let signing = self.pair("intermediate")?;
        Authority::load(&self.read("roots.pem")?, signing, now)
            .with_context(|| format!("the authority in {} cannot be used", self.0.display()))
    }

    fn make_intermediate(&self, now: SystemTime) -> Result<()> {
        if !self.has("root.pem") {
            self.write_pair("root", &root(now, &mut random))?;
        }
        let root = self.pair("root")?;
        let signing = intermediate(&root, now, &mut random)
            .with_context(|| format!("the root in {} cannot be used", self.0.display()))?;
        self.write_pair("intermediate", &signing)
    }

    /// The key that signs tokens, made if it is missing.
    pub(crate) fn token_key(&self) -> Result<TokenKey> {
        if !self.has("token.key") {
            self.write("token.key", &TokenKey::generate().secret_pem(), Who::Owner)?;
        }
        let text = self.read("token.key")?;
        TokenKey::from_pem(&text).with_context(|| format!("{} is no key", self.0.join("token.key").display()))
    }

    fn has(&self, name: &str) -> bool {
        self.0.join(name).is_file()
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.0.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    fn pair(&self, name: &str) -> Result<Pair> {
        let key = format!("{name}.key");
        let key = PrivateKey::from_pem(&self.read(&key)?)
            .with_context(|| format!("{} is no key", self.0.join(&key).display()))?;
        Ok(Pair { certificate: self.read(&format!("{name}.pem"))?, key })
    }

    /// The key first: a certificate without its key would be taken for a whole pair at the next start.
    fn write_pair(&self, name: &str, pair: &Pair) -> Result<()> {
        self.write(&format!("{name}.key"), &pair.key.secret_pem(), Who::Owner)?;
        self.write(&format!("{name}.pem"), &pair.certificate, Who::Everyone)
    }

    /// Writes a file whole or not at all.
    fn write(&self, name: &str, text: &str, who: Who) -> Result<()> {
        let (path, new) = (self.0.join(name), self.0.join(format!(".{name}.new")));
        write_new(&new, text, who)
            .and_then(|()| std::fs::rename(&new, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Who may read a file.
#[derive(Clone, Copy)]
pub(crate) enum Who {
    Owner,
    Everyone,
}

/// Writes a file that nobody else can have opened before its mode was set.
pub(crate) fn write_new(path: &Path, text: &str, who: Who) -> std::io::Result<()> {
    let mode = match who {
        Who::Owner => 0o600,
        Who::Everyone => 0o644,
    };
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), mode);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// What a token made without Kubernetes must say.
pub(crate) fn token_rules() -> Rules {
    Rules { issuer: ISSUER.into(), audiences: BTreeSet::from([AUDIENCE.into()]) }
}

/// The same rules, and Linkerd's audience is as good.
pub(crate) fn with_linkerd(rules: &Rules) -> Rules {
    let mut rules = rules.clone();
    rules.audiences.insert(LINKERD_AUDIENCE.into());
    rules
}

/// Fills a slice with random bytes of the operating system.
pub(crate) fn random(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the operating system has randomness");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_at_the_first_start_is_there_at_the_second() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = SystemTime::now();
        let state = State::open(&folder.path().join("state")).expect("opens");
        let first = state.authority(now).expect("made");
        let key = state.token_key().expect("made").secret_pem();
        let again = State::open(&folder.path().join("state")).expect("opens");
        assert_eq!(again.authority(now).expect("loaded").bundle(), first.bundle());
        assert_eq!(again.token_key().expect("loaded").secret_pem(), key);
    }

    #[test]
    fn keys_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let state = State::open(folder.path()).expect("opens");
        state.authority(SystemTime::now()).expect("made");
        for name in ["root.key", "intermediate.key"] {
            let mode = std::fs::metadata(folder.path().join(name)).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_spoilt_authority_says_which_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = State::open(folder.path()).expect("opens");
        state.authority(SystemTime::now()).expect("made");
        std::fs::write(folder.path().join("intermediate.key"), "nonsense").expect("written");
        let text = format!("{:#}", state.authority(SystemTime::now()).err().expect("refused"));
        assert!(text.contains("intermediate.key is no key"), "{text}");
    }
}

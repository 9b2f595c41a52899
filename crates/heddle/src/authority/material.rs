//! The files of an authority, wherever they lie.

use anyhow::{Context, Result};
use heddle_ca::{Authority, Pair, PrivateKey};
use std::time::SystemTime;

/// The texts of an authority's files. Holds a private key, so it has no `Debug` and no `Clone`.
pub(crate) struct Material {
    /// The trust anchors.
    pub roots: String,
    /// The certificate that signs, then those above it.
    pub chain: String,
    /// Its key.
    pub key: String,
}

impl Material {
    /// Tells two materials apart, without keeping a key for it.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let Self { roots, chain, key } = self;
        let mut hasher = blake3::Hasher::new();
        for text in [roots, chain, key] {
            hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    /// The authority.
    ///
    /// # Errors
    /// Refuses whatever a workload would refuse.
    pub(crate) fn load(self, now: SystemTime) -> Result<Authority> {
        let Self { roots, chain, key } = self;
        let key = PrivateKey::from_pem(&key).context("its key is no key")?;
        Ok(Authority::load(&roots, Pair { certificate: chain, key }, now)?)
    }
}

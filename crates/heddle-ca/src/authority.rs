//! Authorities: self-made, or given as PEM; one way of loading for both, with the same checks.

mod bad_authority;
mod load;
mod make;
mod renewal;

pub use bad_authority::BadAuthority;
pub use make::{INTERMEDIATE_LIFETIME, Pair, ROOT_LIFETIME, intermediate, root};
pub use renewal::{is_of, renewal};

use crate::{Bundle, PublicKey, Validity};
use rcgen::{Issuer, KeyPair};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;

/// An authority that signs leaves: an intermediate with its key, and the roots that workloads trust.
///
/// Shared behind an `Arc` by everyone who signs; it never changes. Like its key it has no `Debug` and no
/// `Clone`:
///
/// ```compile_fail
/// fn print(authority: &heddle_ca::Authority) { println!("{authority:?}"); }
/// ```
pub struct Authority {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    /// The signing certificate.
    pub(crate) certificate: CertificateDer<'static>,
    /// The certificates that are presented after a leaf: the signing one and those above it, without the root.
    pub(crate) intermediates: Arc<[CertificateDer<'static>]>,
    bundle: Bundle,
    validity: Validity,
    root: Validity,
    key: PublicKey,
}

impl Authority {
    /// The roots that workloads trust.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// While every certificate from the signing one up to its root is good: no leaf outlives it.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The validity of the root at the end of the chain.
    pub fn root_validity(&self) -> Validity {
        self.root
    }

    /// The key that signs, to tell two authorities apart.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}

#[cfg(test)]
mod tests;

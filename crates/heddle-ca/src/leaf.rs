//! A leaf certificate as it was signed.

use crate::{Validity, certificate};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;

/// A leaf certificate that was checked against its template, with what it takes to present it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) serial: [u8; 16],
    pub(crate) validity: Validity,
    pub(crate) intermediates: Arc<[CertificateDer<'static>]>,
}

impl Leaf {
    /// From when to when it is good.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Its serial number, as hex digits, for logs.
    pub fn serial(&self) -> String {
        crate::bundle::hex(&self.serial)
    }

    /// The leaf, then its intermediates: what TLS presents.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        std::iter::once(&self.der).chain(self.intermediates.iter()).cloned().collect()
    }

    /// The leaf, then its intermediates, each in PEM. An answer of Istio's certificate service is this, and
    /// then all roots in one element.
    pub fn chain_pem(&self) -> Vec<String> {
        std::iter::once(&self.der)
            .chain(self.intermediates.iter())
            .map(|der| certificate::to_pem(der))
            .collect()
    }
}

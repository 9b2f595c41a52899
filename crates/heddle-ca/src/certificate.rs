//! Reading the certificates of authorities.

use crate::csr::{kind_of, public_key};
use crate::{PublicKey, Validity};
use rustls_pki_types::CertificateDer;
use std::time::{Duration, SystemTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry as oid;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

/// Certificates in one file. More are a mistake, and would be sent to every workload.
const MAX_CERTIFICATES: usize = 32;

/// The reason for which a certificate cannot be an authority's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificate {
    /// Not PEM, or another kind of block among the certificates (a key, say).
    #[error("want PEM with nothing but \"CERTIFICATE\" blocks")]
    Pem,
    /// None there.
    #[error("no certificate in it")]
    Empty,
    /// Far too many.
    #[error("{0} certificates, want at most {MAX_CERTIFICATES}")]
    TooMany(usize),
    /// Not X.509.
    #[error("certificate {0} is not X.509 version 3 in DER")]
    Der(usize),
    /// A leaf.
    #[error("certificate \"{0}\" is a leaf (CA:false), want an authority")]
    Leaf(String),
    /// An authority that may not sign certificates.
    #[error("certificate \"{0}\" has a key usage without keyCertSign")]
    KeyUsage(String),
    /// A key that not every data plane can verify.
    #[error("certificate \"{subject}\" has a key of kind {kind}, want ECDSA on P-256 or P-384")]
    Key {
        /// The certificate's subject.
        subject: String,
        /// The kind of key.
        kind: String,
    },
}

/// Splits PEM into DER. Text around the blocks is allowed, as openssl writes it.
pub(crate) fn from_pem(text: &str) -> Result<Vec<CertificateDer<'static>>, BadCertificate> {
    let blocks = pem::parse_many(text).map_err(|_| BadCertificate::Pem)?;
    match blocks.len() {
        0 => return Err(BadCertificate::Empty),
        count if count > MAX_CERTIFICATES => return Err(BadCertificate::TooMany(count)),
        _ => {}
    }
    let der = |block: pem::Pem| match block.tag() {
        "CERTIFICATE" => Ok(block.into_contents().into()),
        _ => Err(BadCertificate::Pem),
    };
    blocks.into_iter().map(der).collect()
}

pub(crate) fn to_pem(der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new("CERTIFICATE", der), config)
}

/// Reads the certificate at this position of its file.
pub(crate) fn parse(position: usize, der: &[u8]) -> Result<X509Certificate<'_>, BadCertificate> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(BadCertificate::Der(position + 1)),
    }
}

/// Returns whether the certificate may sign others.
pub(crate) fn check_authority(certificate: &X509Certificate<'_>) -> Result<(), BadCertificate> {
    if !certificate.is_ca() {
        return Err(BadCertificate::Leaf(subject(certificate)));
    }
    let usage = certificate.key_usage().ok().flatten();
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err(BadCertificate::KeyUsage(subject(certificate)));
    }
    let spki = certificate.public_key();
    let curve = spki.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
    match curve {
        Some(curve) if curve == oid::OID_EC_P256 || curve == oid::OID_NIST_EC_P384 => Ok(()),
        _ => Err(BadCertificate::Key { subject: subject(certificate), kind: kind_of(spki) }),
    }
}

/// Returns whether `issuer` signed `certificate`.
pub(crate) fn issued(issuer: &X509Certificate<'_>, certificate: &X509Certificate<'_>) -> bool {
    issuer.subject().as_raw() == certificate.issuer().as_raw()
        && certificate.verify_signature(Some(issuer.public_key())).is_ok()
}

pub(crate) fn key_of(certificate: &X509Certificate<'_>) -> Option<PublicKey> {
    public_key(certificate.public_key())
}

pub(crate) fn validity_of(certificate: &X509Certificate<'_>) -> Validity {
    let validity = certificate.validity();
    Validity { not_before: time_of(validity.not_before), not_after: time_of(validity.not_after) }
}

/// Before 1970 counts as 1970: nothing here is that old.
fn time_of(time: ASN1Time) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}

/// The subject for a message: never longer than a line, whatever came.
pub(crate) fn subject(certificate: &X509Certificate<'_>) -> String {
    certificate.subject().to_string().chars().take(128).collect()
}

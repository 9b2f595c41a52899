//! A certificate signing request: the key is taken from it, and nothing else.
//!
//! Subject, names, extensions (`CA:true` included) and whatever lifetime a caller asks for are not looked at:
//! who the caller is, its token says.

use crate::PublicKey;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry as oid;
use x509_parser::prelude::FromDer;

/// The largest request that is looked at, in bytes. One with a P-256 key and many names has under 2 KiB.
pub const MAX_BYTES: usize = 16 * 1024;

/// The reason for which a request gets no certificate. Every one of them is the caller's fault, and asking again is useless.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// Not looked at.
    #[error("certificate request has {bytes} bytes, want at most {MAX_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Text that is not PEM, or PEM of something else.
    #[error("certificate request is not one PEM block \"CERTIFICATE REQUEST\"")]
    Pem,
    /// Bytes that are no PKCS#10 request, or more than one.
    #[error("certificate request is not PKCS#10 in DER")]
    Der,
    /// A key that is weak, or that some client of the mesh cannot verify.
    #[error("certificate request has a key of kind {0}, want ECDSA on the curve P-256")]
    Key(String),
    /// The request was signed in a way that is not supported.
    #[error("certificate request is signed with algorithm {0}, want ecdsa-with-SHA256")]
    Algorithm(String),
    /// The caller does not show that it holds the key.
    #[error("certificate request is not signed by the key it names")]
    Signature,
}

/// Reads a request, PEM or DER, and returns the key whose possession it proves.
///
/// # Errors
/// Says what is wrong with the request; never because of what it asks for.
pub fn parse(request: &[u8]) -> Result<PublicKey, BadRequest> {
    if request.len() > MAX_BYTES {
        return Err(BadRequest::TooLarge { bytes: request.len() });
    }
    // A DER request begins with a SEQUENCE tag, which is no letter that PEM can begin with.
    if request.first() == Some(&0x30) { parse_der(request) } else { parse_der(&from_pem(request)?) }
}

fn from_pem(request: &[u8]) -> Result<Vec<u8>, BadRequest> {
    let blocks = pem::parse_many(request).map_err(|_| BadRequest::Pem)?;
    let [block] = blocks.as_slice() else { return Err(BadRequest::Pem) };
    match block.tag() {
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Ok(block.contents().to_vec()),
        _ => Err(BadRequest::Pem),
    }
}

fn parse_der(der: &[u8]) -> Result<PublicKey, BadRequest> {
    let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| BadRequest::Der)?;
    if !rest.is_empty() {
        return Err(BadRequest::Der);
    }
    let spki = &request.certification_request_info.subject_pki;
    let key = public_key(spki).ok_or_else(|| BadRequest::Key(kind_of(spki)))?;
    let algorithm = &request.signature_algorithm.algorithm;
    if *algorithm != oid::OID_SIG_ECDSA_WITH_SHA256 {
        return Err(BadRequest::Algorithm(algorithm.to_id_string()));
    }
    let signed = request.certification_request_info.raw;
    match key.verifies(signed, &request.signature_value.data) {
        true => Ok(key),
        false => Err(BadRequest::Signature),
    }
}

/// The key, if it is one on P-256.
pub(crate) fn public_key(spki: &x509_parser::x509::SubjectPublicKeyInfo<'_>) -> Option<PublicKey> {
    let curve = spki.algorithm.parameters.as_ref()?.as_oid().ok()?;
    let p256 = spki.algorithm.algorithm == oid::OID_KEY_TYPE_EC_PUBLIC_KEY && curve == oid::OID_EC_P256;
    if p256 { PublicKey::from_point(&spki.subject_public_key.data) } else { None }
}

/// Returns what a key is, for a message: never longer than a line, whatever came.
pub(crate) fn kind_of(spki: &x509_parser::x509::SubjectPublicKeyInfo<'_>) -> String {
    let algorithm = &spki.algorithm.algorithm;
    if *algorithm == oid::OID_PKCS1_RSAENCRYPTION {
        // The modulus in bits, from what it takes in bytes.
        return match spki.parsed() {
            Ok(x509_parser::public_key::PublicKey::RSA(key)) => format!("RSA-{}", key.key_size()),
            _ => "RSA".into(),
        };
    }
    if *algorithm != oid::OID_KEY_TYPE_EC_PUBLIC_KEY {
        return algorithm.to_id_string().chars().take(64).collect();
    }
    let curve = spki.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
    match curve {
        Some(curve) if curve == oid::OID_EC_P256 => "P-256 with a compressed or broken point".into(),
        Some(curve) if curve == oid::OID_NIST_EC_P384 => "P-384".into(),
        Some(curve) => format!("EC {}", curve.to_id_string()).chars().take(64).collect(),
        None => "EC without a named curve".into(),
    }
}

#[cfg(test)]
mod tests;

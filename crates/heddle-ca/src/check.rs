//! The signed leaf, read back and compared with what it should say.

use crate::certificate::{issued, key_of, subject, validity_of};
use crate::template::San;
use crate::{PublicKey, Validity};
use std::fmt::Debug;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{self as oid, Oid};
use x509_parser::x509::X509Version;

/// The content that a leaf must have, and all that it may have.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) names: &'a [San],
    pub(crate) validity: Validity,
    pub(crate) key: &'a PublicKey,
    pub(crate) serial: &'a [u8],
}

/// A leaf says something other than its template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signed leaf differs from its template in {field}: is {is}, want {want}")]
pub struct Mismatch {
    /// The field that differs.
    pub field: &'static str,
    /// The leaf's value.
    pub is: String,
    /// The template's value.
    pub want: String,
}

/// The extensions of a leaf, in the order they are written, and whether each is critical.
const EXTENSIONS: [(Oid<'static>, bool); 6] = [
    (oid::OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, false),
    (oid::OID_X509_EXT_SUBJECT_ALT_NAME, true),
    (oid::OID_X509_EXT_KEY_USAGE, true),
    (oid::OID_X509_EXT_EXTENDED_KEY_USAGE, false),
    (oid::OID_X509_EXT_SUBJECT_KEY_IDENTIFIER, false),
    (oid::OID_X509_EXT_BASIC_CONSTRAINTS, true),
];

/// Digital signature, the only bit of a leaf's key usage (RFC 5280, 4.2.1.3, bit 0).
const DIGITAL_SIGNATURE: u16 = 1;

/// Compares a leaf with what it should say.
///
/// # Errors
/// The first difference. It means a defect of this crate or of the library that writes certificates.
pub(crate) fn check(
    leaf: &X509Certificate<'_>,
    expected: Expected<'_>,
    issuer: &X509Certificate<'_>,
) -> Result<(), Mismatch> {
    let Expected { names, validity, key, serial } = expected;
    same("version", leaf.version(), X509Version::V3)?;
    same("serial", leaf.raw_serial(), serial)?;
    same("issuer", leaf.issuer().as_raw(), issuer.subject().as_raw())?;
    same("subject", subject(leaf).as_str(), "")?;
    same("validity", validity_of(leaf), validity)?;
    same("public key", key_of(leaf).as_ref(), Some(key))?;
    let kinds = leaf.extensions().iter().map(|found| (found.oid.clone(), found.critical));
    same("extensions", kinds.collect::<Vec<_>>(), EXTENSIONS.to_vec())?;
    for extension in leaf.extensions() {
        check_extension(extension.parsed_extension(), names)?;
    }
    same("signature", issued(issuer, leaf), true)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of others, which may grow")]
fn check_extension(extension: &ParsedExtension<'_>, names: &[San]) -> Result<(), Mismatch> {
    match extension {
        ParsedExtension::SubjectAlternativeName(found) => {
            let found: Vec<_> = found.general_names.iter().map(shown).collect();
            same("names", found, names.iter().map(San::to_string).collect())
        }
        ParsedExtension::KeyUsage(usage) => same("key usage", usage.flags, DIGITAL_SIGNATURE),
        ParsedExtension::ExtendedKeyUsage(usage) => {
            let foreign = usage.any
                || usage.code_signing
                || usage.email_protection
                || usage.time_stamping
                || usage.ocsp_signing
                || !usage.other.is_empty();
            let found = (usage.server_auth, usage.client_auth, foreign);
            same("extended key usage", found, (true, true, false))
        }
        ParsedExtension::BasicConstraints(constraints) => same("CA", constraints.ca, false),
        ParsedExtension::AuthorityKeyIdentifier(_) | ParsedExtension::SubjectKeyIdentifier(_) => Ok(()),
        other => same("extensions", format!("{other:?}").as_str(), "no other"),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of others, which may grow")]
fn shown(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => San::Dns((*name).into()).to_string(),
        GeneralName::URI(name) => San::Uri((*name).into()).to_string(),
        other => format!("{other:?}"),
    }
}

fn same<T: PartialEq + Debug>(field: &'static str, is: T, want: T) -> Result<(), Mismatch> {
    if is == want {
        return Ok(());
    }
    Err(Mismatch { field, is: format!("{is:?}"), want: format!("{want:?}") })
}

#[cfg(test)]
mod tests;

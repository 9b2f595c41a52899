//! Making a root and an intermediate.

use super::BadAuthority;
use crate::sign::{offset, serial};
use crate::template::{SKEW, Validity, whole_seconds};
use crate::{PrivateKey, Random, bundle, certificate};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyUsagePurpose,
    SerialNumber,
};
use std::time::{Duration, SystemTime};

/// The time that a self-made root is good: ten years.
pub const ROOT_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// The time that a self-made intermediate is good, unless its root ends earlier: one year.
pub const INTERMEDIATE_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// A certificate and its key. Holds a private key, so it has no `Debug`, `Clone` or `Serialize` either.
pub struct Pair {
    /// The certificate, or a chain that begins with it, in PEM.
    pub certificate: String,
    /// Its key.
    pub key: PrivateKey,
}

/// A fresh root. `random` fills its serial; its key comes from aws-lc's random generator.
pub fn root(now: SystemTime, random: Random<'_>) -> Pair {
    let serial = serial(random);
    let validity = starting(now, ROOT_LIFETIME);
    let key = PrivateKey::generate();
    let params = params("heddle root", serial, validity, BasicConstraints::Constrained(1));
    let signed = params.self_signed(key.pair()).expect("own parameters and a P-256 key always sign");
    Pair { certificate: certificate::to_pem(signed.der()), key }
}

/// A fresh intermediate under this root: P-256, path length 0. Never outlives the root. `random` fills its
/// serial; its key comes from aws-lc's random generator.
///
/// # Errors
/// If the root's certificate is not one, or is not good now.
pub fn intermediate(root: &Pair, now: SystemTime, random: Random<'_>) -> Result<Pair, BadAuthority> {
    let ders = certificate::from_pem(&root.certificate).map_err(BadAuthority::Roots)?;
    let parsed = certificate::parse(0, &ders[0]).map_err(BadAuthority::Roots)?;
    certificate::check_authority(&parsed).map_err(BadAuthority::Roots)?;
    if certificate::key_of(&parsed) != Some(root.key.public()) {
        return Err(BadAuthority::KeyMismatch(certificate::subject(&parsed)));
    }
    let above = certificate::validity_of(&parsed);
    if !above.holds(now) {
        return Err(BadAuthority::out_of_time(&parsed, now));
    }
    let serial = serial(random);
    let own = starting(now, INTERMEDIATE_LIFETIME);
    let validity = Validity {
        not_before: own.not_before.max(above.not_before),
        not_after: own.not_after.min(above.not_after),
    };
    let key = PrivateKey::generate();
    let params = params("heddle intermediate", serial, validity, BasicConstraints::Constrained(0));
    let unsigned = |e: rcgen::Error| BadAuthority::Unusable(e.to_string());
    let issuer = Issuer::from_ca_cert_der(&ders[0], root.key.pair()).map_err(unsigned)?;
    let signed = params.signed_by(key.pair(), &issuer).map_err(unsigned)?;
    Ok(Pair { certificate: certificate::to_pem(signed.der()), key })
}

fn starting(now: SystemTime, lifetime: Duration) -> Validity {
    let now = whole_seconds(now);
    let not_before = now.checked_sub(SKEW).unwrap_or(SystemTime::UNIX_EPOCH);
    Validity { not_before, not_after: now + lifetime }
}

/// The name carries part of the serial: two roots of one mesh have two names.
fn params(
    name: &str,
    serial: [u8; 16],
    validity: Validity,
    constraints: BasicConstraints,
) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("{name} {}", bundle::hex(&serial[..4])));
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = offset(validity.not_before);
    params.not_after = offset(validity.not_after);
    params.is_ca = IsCa::Ca(constraints);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params
}

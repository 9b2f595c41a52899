//! Template and key in, leaf out.

use crate::authority::Authority;
use crate::check::{Expected, Mismatch, check};
use crate::template::San;
use crate::{Leaf, PublicKey, Random, Template, Validity, certificate};
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType,
    SerialNumber,
};
use std::time::SystemTime;
use time::OffsetDateTime;

/// The longest DNS name that TLS clients take (RFC 1035, 2.3.4), without the final dot.
const MAX_DNS_NAME: usize = 253;

/// The reason for which a leaf was not signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody could ask for it by name.
    #[error("a leaf needs at least one name")]
    NoName,
    /// A name that no certificate can carry.
    #[error("{0} cannot stand in a certificate (ASCII, and a DNS name of at most {MAX_DNS_NAME} bytes)")]
    Name(San),
    /// A new authority is needed, or the clock is wrong.
    #[error("the issuing certificate is not valid now, or the lifetime asked for is under one second")]
    Validity,
    /// The signature could not be made.
    #[error("signing failed: {0}")]
    Sign(String),
    /// The signed leaf was thrown away.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

impl Authority {
    /// Signs a leaf that says what the template says, of this key, and compares it with the template before
    /// it leaves. `random` is asked once, for the 16 bytes of the serial.
    ///
    /// # Errors
    /// No leaf leaves that is not exactly as asked for, except that it ends with its issuer at the latest.
    pub fn sign(
        &self,
        template: &Template,
        key: &PublicKey,
        now: SystemTime,
        random: Random<'_>,
    ) -> Result<Leaf, Refused> {
        let validity = template.validity(self.validity(), now).ok_or(Refused::Validity)?;
        let serial = serial(random);
        let params = params(&template.names, validity, serial)?;
        let signed = params.signed_by(key, &self.issuer).map_err(|e| Refused::Sign(e.to_string()))?;
        let der = signed.der().clone();
        let expected = Expected { names: &template.names, validity, key, serial: &serial };
        self.check(&der, expected)?;
        Ok(Leaf { der, serial, validity, intermediates: self.intermediates.clone() })
    }

    fn check(&self, der: &[u8], expected: Expected<'_>) -> Result<(), Refused> {
        let unreadable = |e: certificate::BadCertificate| Refused::Sign(e.to_string());
        let leaf = certificate::parse(0, der).map_err(unreadable)?;
        let issuer = certificate::parse(0, &self.certificate).map_err(unreadable)?;
        Ok(check(&leaf, expected, &issuer)?)
    }
}

/// 128 random bits less two: the first is 0, so that the number is positive, the second 1, so that it has
/// always 16 bytes.
pub(crate) fn serial(random: Random<'_>) -> [u8; 16] {
    let mut serial = [0; 16];
    random(&mut serial);
    serial[0] = (serial[0] & 0x7f) | 0x40;
    serial
}

pub(crate) fn offset(time: SystemTime) -> OffsetDateTime {
    OffsetDateTime::from(time)
}

pub(crate) fn params(
    names: &[San],
    validity: Validity,
    serial: [u8; 16],
) -> Result<CertificateParams, Refused> {
    if names.is_empty() {
        return Err(Refused::NoName);
    }
    let mut params = CertificateParams::default();
    params.not_before = offset(validity.not_before);
    params.not_after = offset(validity.not_after);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = names.iter().map(san).collect::<Result<_, _>>()?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn san(name: &San) -> Result<SanType, Refused> {
    let text = |text: &str| Ia5String::try_from(text).map_err(|_| Refused::Name(name.clone()));
    match name {
        San::Dns(dns) if dns.is_empty() || dns.len() > MAX_DNS_NAME => Err(Refused::Name(name.clone())),
        San::Dns(dns) => Ok(SanType::DnsName(text(dns)?)),
        San::Uri(uri) => Ok(SanType::URI(text(uri)?)),
    }
}

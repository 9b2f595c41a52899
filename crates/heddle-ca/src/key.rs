//! Keys: P-256 and nothing else.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rcgen::{KeyPair, PublicKeyData, SignatureAlgorithm};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A private P-256 key.
///
/// Has no `Debug`, `Clone` or `Serialize`, so it cannot slip into a log, a debug page or a copy:
///
/// ```compile_fail
/// let key = heddle_ca::PrivateKey::generate();
/// println!("{key:?}");
/// ```
/// ```compile_fail
/// let key = heddle_ca::PrivateKey::generate();
/// let copy = key.clone();
/// ```
/// ```compile_fail
/// fn write<T: serde::Serialize>(_: T) {}
/// write(heddle_ca::PrivateKey::generate());
/// ```
pub struct PrivateKey(KeyPair);

/// The reason for which a text is not a private key that can be used here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// No key was found in it.
    #[error("private key is not one PEM block \"PRIVATE KEY\" (PKCS#8) or \"EC PRIVATE KEY\"")]
    Pem,
    /// A key of another kind.
    #[error("private key is not an ECDSA key on the curve P-256")]
    Kind,
}

/// A name that no certificate can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not ASCII: no DNS name in a certificate")]
pub struct NotAscii(pub String);

impl PrivateKey {
    /// A fresh key, from aws-lc's random generator.
    ///
    /// # Panics
    /// If the operating system has no randomness.
    pub fn generate() -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256);
        Self(pair.expect("aws-lc makes P-256 keys while the system has randomness"))
    }

    /// Reads a key in PEM: PKCS#8, or SEC 1 as openssl writes it.
    ///
    /// # Errors
    /// Anything but exactly one P-256 key. The text of the error shows nothing of what came.
    pub fn from_pem(text: &str) -> Result<Self, BadKey> {
        let blocks = pem::parse_many(text).map_err(|_| BadKey::Pem)?;
        // `openssl ecparam -genkey` writes the curve in a block of its own before the key.
        let mut keys = blocks.iter().filter(|block| block.tag() != "EC PARAMETERS");
        let (Some(block), None) = (keys.next(), keys.next()) else { return Err(BadKey::Pem) };
        let der = match block.tag() {
            "PRIVATE KEY" => PrivateKeyDer::Pkcs8(block.contents().to_vec().into()),
            "EC PRIVATE KEY" => PrivateKeyDer::Sec1(block.contents().to_vec().into()),
            _ => return Err(BadKey::Pem),
        };
        let pair = KeyPair::from_der_and_sign_algo(&der, &rcgen::PKCS_ECDSA_P256_SHA256);
        pair.map(Self).map_err(|_| BadKey::Kind)
    }

    /// The key as PKCS#8 PEM, to be written to a file that only its owner reads, and nowhere else.
    pub fn secret_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// The key as PKCS#8 DER, for a TLS configuration.
    pub fn secret_der(&self) -> PrivatePkcs8KeyDer<'static> {
        self.0.serialize_der().into()
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        let point = self.0.public_key_raw().try_into();
        PublicKey(point.expect("a P-256 public key is an uncompressed point of 65 bytes"))
    }

    /// A certificate signing request in PEM that says nothing but the public key: everything else in a CSR
    /// is ignored by [`crate::csr::parse`] anyway.
    pub fn request_pem(&self) -> String {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let request = params.serialize_request(&self.0).and_then(|request| request.pem());
        request.expect("a request without names always encodes")
    }

    /// A certificate signing request in DER whose common name and one DNS name are this name: what linkerd2-proxy
    /// sends to its identity service, where others compare it with what the caller asks for.
    ///
    /// # Errors
    /// If the name is not ASCII.
    pub fn request_der(&self, name: &str) -> Result<Vec<u8>, NotAscii> {
        let bad = |_| NotAscii(name.into());
        let mut params = rcgen::CertificateParams::new([name.to_string()]).map_err(bad)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let request = params.serialize_request(&self.0).map_err(bad)?;
        Ok(request.der().to_vec())
    }

    pub(crate) fn pair(&self) -> &KeyPair {
        &self.0
    }

    pub(crate) fn into_pair(self) -> KeyPair {
        self.0
    }
}

/// A public P-256 key: an uncompressed point (SEC 1, 2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey([u8; 65]);

impl PublicKey {
    /// Takes the bytes of an uncompressed point. Whether it lies on the curve is told by the first
    /// signature that is checked with it.
    pub(crate) fn from_point(point: &[u8]) -> Option<Self> {
        let point: [u8; 65] = point.try_into().ok()?;
        (point[0] == 4).then_some(Self(point))
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0).verify(message, signature).is_ok()
    }

    /// The point: 4, then 32 bytes of x and 32 of y.
    pub fn point(&self) -> &[u8; 65] {
        &self.0
    }
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, want: &str) {
        assert_eq!(PrivateKey::from_pem(text).err().map(|e| e.to_string()).as_deref(), Some(want));
    }

    #[test]
    fn a_key_reads_back_from_its_pem() {
        let key = PrivateKey::generate();
        let again = PrivateKey::from_pem(&key.secret_pem()).expect("own PEM");
        assert_eq!(again.public(), key.public());
    }

    #[test]
    fn a_request_for_a_name_proves_the_key_and_names_nothing_else() {
        use x509_parser::extensions::{GeneralName, ParsedExtension};
        use x509_parser::prelude::{FromDer, X509CertificationRequest};
        let (key, name) = (PrivateKey::generate(), "web.shop.serviceaccount.identity.heddle.cluster.local");
        let der = key.request_der(name).expect("ASCII");
        assert_eq!(crate::csr::parse(&der), Ok(key.public()));
        let (_, request) = X509CertificationRequest::from_der(&der).expect("own DER");
        assert_eq!(request.certification_request_info.subject.to_string(), format!("CN={name}"));
        let mut extensions = request.requested_extensions().expect("a SAN");
        let Some(ParsedExtension::SubjectAlternativeName(san)) = extensions.next() else { panic!("no SAN") };
        assert_eq!(
            (san.general_names.as_slice(), extensions.next()),
            ([GeneralName::DNSName(name)].as_slice(), None)
        );
        assert_eq!(
            key.request_der("café").map_err(|e| e.to_string()),
            Err("\"café\" is not ASCII: no DNS name in a certificate".into())
        );
    }

    #[test]
    fn what_is_no_p256_key_is_refused_without_being_shown() {
        let pem = "private key is not one PEM block \"PRIVATE KEY\" (PKCS#8) or \"EC PRIVATE KEY\"";
        let kind = "private key is not an ECDSA key on the curve P-256";
        let key = PrivateKey::generate().secret_pem();
        let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("P-384");
        let ed = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("Ed25519");
        refused("", pem);
        refused("secret", pem);
        refused(&format!("{key}{key}"), pem);
        refused(&key.replace("PRIVATE KEY", "CERTIFICATE"), pem);
        refused(&p384.serialize_pem(), kind);
        refused(&ed.serialize_pem(), kind);
        refused("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", kind);
    }
}

//! One authority, and a certificate for each who needs one.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use std::fs;
use std::path::Path;

/// Writes `ca.crt`, `apiserver.{crt,key}`, `admin.{crt,key}` and `accounts.{key,pub}` (for ServiceAccount tokens).
pub(crate) fn write(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params.distinguished_name.push(DnType::CommonName, "cluster tests");
    let root = CertifiedIssuer::self_signed(params, key()).expect("a root");
    save(folder, "ca.crt", root.pem());
    save(folder, "ca.der", root.der());

    let server = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("names");
    issue(folder, "apiserver", server, ExtendedKeyUsagePurpose::ServerAuth, &root);
    let mut admin = CertificateParams::new(Vec::new()).expect("no names");
    admin.distinguished_name.push(DnType::OrganizationName, "system:masters");
    admin.distinguished_name.push(DnType::CommonName, "admin");
    issue(folder, "admin", admin, ExtendedKeyUsagePurpose::ClientAuth, &root);
    let accounts = key();
    save(folder, "accounts.key", accounts.serialize_pem());
    save(folder, "accounts.pub", accounts.public_key_pem());
}

/// The authority's certificate in DER.
pub(crate) fn root(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("ca.der")).expect("the root was written")
}

fn issue(
    folder: &Path,
    name: &str,
    mut params: CertificateParams,
    purpose: ExtendedKeyUsagePurpose,
    root: &CertifiedIssuer<'_, KeyPair>,
) {
    let key = key();
    params.extended_key_usages = vec![purpose];
    let certificate = params.signed_by(&key, root).expect("a certificate");
    save(folder, &format!("{name}.crt"), certificate.pem());
    save(folder, &format!("{name}.key"), key.serialize_pem());
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn save(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::write(folder.join(name), content).expect("the folder is writable");
}

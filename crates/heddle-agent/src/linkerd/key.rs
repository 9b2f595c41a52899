//! `key.p8` and `csr.der`: a fresh key for each start, and the request that proves it.

use crate::Error;
use crate::private::{self, Access};
use heddle_ca::PrivateKey;
use std::path::{Path, PathBuf};

/// Writes both into `identity/` below this folder. Returns that folder's absolute path.
pub(super) fn write(folder: &Path, identity: &str) -> Result<PathBuf, Error> {
    let key = PrivateKey::generate();
    let request = key.request_der(identity)?;
    let folder = private::open(folder)?.join("identity");
    private::open_within(&folder)?;
    // The proxy compares the two when it starts. There is no proxy yet, so nobody sees them apart.
    private::replace(&folder, "key.p8", key.secret_der().secret_pkcs8_der(), Access::Owner)?;
    private::replace(&folder, "csr.der", &request, Access::Everyone)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_ca::csr;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    const NAME: &str = "web.shop.serviceaccount.identity.heddle.cluster.local";

    #[test]
    fn each_start_has_a_key_of_its_own_that_only_its_owner_reads() {
        let temporary = tempfile::tempdir().expect("a folder");
        let read = |folder: &Path, name: &str| fs::read(folder.join(name)).expect("written");
        let first = write(&temporary.path().join("agent"), NAME).expect("written");
        let before = read(&first, "key.p8");
        let second = write(&temporary.path().join("agent"), NAME).expect("written again");
        assert_eq!(first, second);
        assert_ne!(before, read(&second, "key.p8"));
        let pem = pem(&read(&second, "key.p8"));
        let key = PrivateKey::from_pem(&pem).expect("PKCS#8").public();
        assert_eq!(csr::parse(&read(&second, "csr.der")), Ok(key));
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&second.join("key.p8")), 0o600);
        assert_eq!(mode(&second.join("csr.der")), 0o644);
    }

    fn pem(der: &[u8]) -> String {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    #[test]
    fn a_name_that_is_not_ascii_is_no_identity() {
        let temporary = tempfile::tempdir().expect("a folder");
        let error = write(temporary.path(), "café").expect_err("refused").to_string();
        assert_eq!(error, "\"café\" is not ASCII: no DNS name in a certificate");
    }
}

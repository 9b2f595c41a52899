//! The trust anchors of the mesh.

use crate::certificate::{self, BadCertificate};
use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;

/// The roots that every workload trusts: a set, in one order whatever order it was written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    roots: Vec<CertificateDer<'static>>,
    pem: String,
    hash: String,
}

impl Bundle {
    /// Reads roots in PEM. A root given twice counts once.
    ///
    /// Expired roots are kept: while roots rotate, a bundle holds what is retired and what is to come.
    ///
    /// # Errors
    /// One that is no authority, or has a key that not every data plane verifies, spoils the whole: a bundle
    /// that is silently smaller than what was written would cut workloads off.
    pub fn from_pem(text: &str) -> Result<Self, BadCertificate> {
        let mut roots = certificate::from_pem(text)?;
        for (position, root) in roots.iter().enumerate() {
            certificate::check_authority(&certificate::parse(position, root)?)?;
        }
        roots.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
        roots.dedup();
        let pem: String = roots.iter().map(|root| certificate::to_pem(root)).collect();
        let hash = hex(&digest(&SHA256, pem.as_bytes()).as_ref()[..16]);
        Ok(Self { roots, pem, hash })
    }

    /// The roots in DER.
    pub fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// The roots in PEM, one after the other.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns whether the first certificate in `pem` is one of the roots.
    pub fn contains(&self, pem: &str) -> bool {
        let found = certificate::from_pem(pem);
        found.is_ok_and(|found| self.roots.contains(&found[0]))
    }

    /// Returns which bundle this is: 128 bits of SHA-256 over its PEM, as 32 hex digits. Agents report it when they
    /// renew, as evidence of who trusts what.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::root;
    use std::time::{Duration, SystemTime};

    fn pem_of_root(seed: u8) -> String {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        root(now, &mut |bytes| bytes.fill(seed)).certificate
    }

    #[test]
    fn order_and_repetition_make_no_other_bundle() {
        let (a, b) = (pem_of_root(1), pem_of_root(2));
        let one = Bundle::from_pem(&format!("{a}{b}")).expect("roots");
        let other = Bundle::from_pem(&format!("text\n{b}{a}\n{b}")).expect("roots");
        assert_eq!(one, other);
        assert_eq!(one.roots().len(), 2);
        assert_eq!(one.hash().len(), 32);
        assert_ne!(one.hash(), Bundle::from_pem(&a).expect("root").hash());
        assert_eq!(Bundle::from_pem(one.pem()).expect("own PEM"), one);
        assert!(one.contains(&b) && !one.contains(&pem_of_root(3)) && !one.contains("none"));
    }

    #[test]
    fn what_is_no_bundle_says_so() {
        #[track_caller]
        fn refused(text: &str, want: &str) {
            assert_eq!(Bundle::from_pem(text).expect_err("refused").to_string(), want);
        }
        let root = pem_of_root(1);
        refused("", "no certificate in it");
        refused("roots", "no certificate in it");
        refused(
            &root.replace("CERTIFICATE", "PRIVATE KEY"),
            "want PEM with nothing but \"CERTIFICATE\" blocks",
        );
        refused(&root.repeat(33), "33 certificates, want at most 32");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        refused(&format!("{root}{broken}"), "certificate 2 is not X.509 version 3 in DER");
    }
}

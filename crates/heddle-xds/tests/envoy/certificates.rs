//! Certificates of a mesh of the tests' own.

use heddle_model::Identity;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType,
};
use rustls::pki_types::CertificateDer;
use serde_json::json;
use std::fs;
use std::path::Path;
use time::OffsetDateTime;

/// The suffix of the names in certificates.
pub(crate) const SUFFIX: &str = "heddle.cluster.local";

/// An authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// One of its own.
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("it signs itself"))
    }

    /// Its own certificate.
    pub(crate) fn root(&self) -> &CertificateDer<'static> {
        self.0.der()
    }

    /// A certificate for a workload with its key.
    pub(crate) fn leaf(
        &self,
        identity: &Identity,
        trust_domain: &str,
        not_after: OffsetDateTime,
    ) -> (Certificate, KeyPair) {
        let dns = identity.dns(SUFFIX);
        let mut params = CertificateParams::new(vec![dns]).expect("a DNS name");
        let uri = identity.spiffe(trust_domain).try_into().expect("an ASCII text");
        params.subject_alt_names.push(SanType::URI(uri));
        params.not_after = not_after;
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.0).expect("it is signed"), key)
    }

    /// The SDS files of a workload: its certificate by this authority, and this authority's own as root.
    pub(crate) fn write(&self, folder: &Path, identity: &Identity, trust_domain: &str) {
        let (leaf, key) = self.leaf(identity, trust_domain, rcgen::date_time_ymd(4096, 1, 1));
        fs::create_dir_all(folder.join("sds")).expect("the folder is ours");
        let own = json!({
            "name": "identity",
            "tls_certificate": {
                "certificate_chain": {"inline_string": leaf.pem()},
                "private_key": {"inline_string": key.serialize_pem()},
            },
        });
        let roots = json!({
            "name": "roots",
            "validation_context": {"trusted_ca": {"inline_string": self.0.pem()}},
        });
        for (file, mut secret) in [("identity", own), ("roots", roots)] {
            secret["@type"] = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret".into();
            let text = json!({"resources": [secret]}).to_string();
            fs::write(folder.join(format!("sds/{file}.yaml")), text).expect("the folder is ours");
        }
    }
}

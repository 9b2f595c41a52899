//! The serving certificate and the anchors that clients are verified against, both replaced while running.

use arc_swap::ArcSwap;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use std::sync::Arc;

/// The material that TLS is served with. The key implements neither `Debug` nor `Clone`, and neither does this.
pub struct Material {
    /// The serving certificate, then its issuers without the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// The serving certificate's key.
    pub key: PrivateKeyDer<'static>,
    /// Roots of the clients. A client need not send a certificate; one that it sends must lead here. Empty: no
    /// certificate is asked for.
    pub anchors: Vec<CertificateDer<'static>>,
}

/// The reason for which something cannot be served with. What was served before stays.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// An anchor is not a certificate that can be one.
    #[error("a trust anchor cannot be used: {0}")]
    Anchor(rustls::Error),
    /// The anchors make no verifier.
    #[error("clients cannot be verified: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// Certificate and key do not belong together, or cannot be read.
    #[error("the serving certificate cannot be used: {0}")]
    Certificate(rustls::Error),
}

/// The TLS settings in force. A connection keeps those that it began with.
#[derive(Debug)]
pub struct Tls(ArcSwap<ServerConfig>);

impl Tls {
    /// Serves with `material`.
    ///
    /// # Errors
    /// Says which part cannot be used.
    pub fn new(material: Material) -> Result<Self, BadTls> {
        Ok(Self(ArcSwap::from_pointee(config(material)?)))
    }

    /// Serves new connections with `material`.
    ///
    /// # Errors
    /// Says which part cannot be used; what was in force stays in force.
    pub fn replace(&self, material: Material) -> Result<(), BadTls> {
        self.0.store(Arc::new(config(material)?));
        Ok(())
    }

    /// The settings of a connection that begins now.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.0.load_full()
    }
}

/// Sessions are never resumed: a resumed one would carry a client certificate that nobody looked at again.
fn config(material: Material) -> Result<ServerConfig, BadTls> {
    let Material { chain, key, anchors } = material;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(BadTls::Certificate)?;
    let builder = if anchors.is_empty() {
        builder.with_no_client_auth()
    } else {
        let mut roots = RootCertStore::empty();
        for anchor in anchors {
            roots.add(anchor).map_err(BadTls::Anchor)?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.allow_unauthenticated().build()?)
    };
    let mut config = builder.with_single_cert(chain, key).map_err(BadTls::Certificate)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

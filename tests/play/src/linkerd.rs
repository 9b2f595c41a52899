//! A linkerd2-proxy's part before an Envoy: mesh TLS by the endpoint's identity, and no word of
//! what is carried in it (no ALPN).

use crate::call::{answer, connect};
use crate::net::Namespace;
use crate::seen::Seen;
use heddle_model::Identity;
use heddle_model::fact::Mesh;
use heddle_scenario_tests::Ask;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// A client's side of mesh TLS.
pub(crate) struct Proxy(TlsConnector);

impl Proxy {
    /// With the certificate files below a folder.
    pub(crate) fn load(folder: &Path) -> Result<Self, String> {
        let read = |name: &str| {
            let path = folder.join("certs").join(name);
            std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let bad = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
        let list = |bytes: &[u8]| {
            let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
            found.map_err(|error| bad(&error))
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(list(&read("ca.crt")?)?);
        let key = PrivateKeyDer::from_pem_slice(&read("tls.key")?).map_err(|error| bad(&error))?;
        let config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&rustls::version::TLS13])
                .map_err(|error| bad(&error))?
                .with_root_certificates(roots)
                .with_client_auth_cert(list(&read("tls.crt")?)?, key)
                .map_err(|error| bad(&error))?;
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Sends one request to an endpoint of this identity.
    pub(crate) async fn call(
        &self,
        from: &Namespace,
        ask: &Ask,
        (to, server): (SocketAddr, &Identity),
        mesh: &Mesh,
    ) -> Seen {
        let Some(stream) = connect(from, to) else { return Seen::Closed };
        let name =
            ServerName::try_from(server.dns(&mesh.identity_suffix)).expect("an identity's name is one");
        match self.0.connect(name, stream).await {
            Ok(stream) => answer(stream, ask, &[]).await,
            Err(_) => Seen::Closed,
        }
    }
}

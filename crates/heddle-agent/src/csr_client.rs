//! One request to the controller, from a fresh connection.
//!
//! A connection of its own each time: token and trust anchors are read again, requests are hours apart, and
//! none of them shall depend on what became of the one before.

use crate::Config;
use heddle_ca::{Answer, BadAnswer, Bundle, PrivateKey};
use heddle_proto::istio::v1::auth::istio_certificate_service_client::IstioCertificateServiceClient;
use heddle_proto::istio::v1::auth::{IstioCertificateRequest, IstioCertificateResponse};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Endpoint;

/// Answers above this are not read: a chain and a bundle have a few KiB.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// The reason for which a request gave no certificate. Each is tried again: tokens are rotated, policies are mended,
/// controllers come back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("cannot read the token {path:?}: {error}")]
    Token { path: std::path::PathBuf, error: io::Error },
    #[error("token {0:?} is not one line of visible ASCII")]
    TokenText(std::path::PathBuf),
    #[error("trust anchors {path:?}: {error}")]
    Anchors { path: std::path::PathBuf, error: String },
    #[error("cannot reach the controller at {address}: {error}")]
    Unreachable { address: String, error: String },
    #[error("controller at {address} proves no right to the name {name:?}: {error}")]
    Impostor { address: String, name: String, error: String },
    #[error("controller refuses: {message} ({code:?})")]
    Refused { code: tonic::Code, message: String },
    #[error("controller gave no answer within {0:?}")]
    Timeout(std::time::Duration),
    #[error("controller answered with something else: {0}")]
    Answer(#[from] BadAnswer),
    #[error("controller answered with {0} certificates, want a leaf, its issuers, and the roots")]
    Short(usize),
}

/// Asks for a certificate of this key.
pub(crate) async fn ask(config: &Config, key: &PrivateKey) -> Result<Answer, NoAnswer> {
    let limit = Config::REQUEST_TIMEOUT;
    let response = tokio::time::timeout(limit, request(config, key)).await;
    let IstioCertificateResponse { cert_chain } = response.map_err(|_| NoAnswer::Timeout(limit))??;
    // Istio's order: the leaf, its issuers from below, and all roots in the last element.
    let Some((roots, chain)) = cert_chain.split_last() else { return Err(NoAnswer::Short(0)) };
    if chain.is_empty() {
        return Err(NoAnswer::Short(1));
    }
    Ok(Answer::read(&chain.concat(), roots, &key.public(), SystemTime::now())?)
}

async fn request(config: &Config, key: &PrivateKey) -> Result<IstioCertificateResponse, NoAnswer> {
    let authorization = authorization(&config.token).await?;
    let stream = connect(config).await?;
    let unreachable = |error: String| NoAnswer::Unreachable { address: config.controller.clone(), error };
    // The address is not dialled, the stream is there; it becomes :authority.
    let endpoint = Endpoint::from_shared(format!("http://{}", config.server_name))
        .map_err(|e| unreachable(e.to_string()))?;
    let mut stream = Some(TokioIo::new(stream));
    let channel = endpoint
        .connect_with_connector(tower::service_fn(move |_| {
            let stream = stream.take().ok_or_else(|| io::Error::other("the connection was used up"));
            std::future::ready(stream)
        }))
        .await
        .map_err(|e| unreachable(with_causes(&e)))?;
    let mut client = IstioCertificateServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES);
    // No lifetime: the controller decides it.
    let request = IstioCertificateRequest { csr: key.request_pem(), validity_duration: 0, metadata: None };
    let mut request = tonic::Request::new(request);
    request.metadata_mut().insert("authorization", authorization);
    let answer = client.create_certificate(request).await;
    answer.map(tonic::Response::into_inner).map_err(|status| NoAnswer::Refused {
        code: status.code(),
        message: status.message().chars().take(512).collect(),
    })
}

/// The token, as a header says it.
pub(crate) async fn authorization(path: &Path) -> Result<AsciiMetadataValue, NoAnswer> {
    let read = tokio::fs::read_to_string(path).await;
    let token = read.map_err(|error| NoAnswer::Token { path: path.into(), error })?;
    let bad = |_| NoAnswer::TokenText(path.into());
    let mut value: AsciiMetadataValue = format!("Bearer {}", token.trim()).parse().map_err(bad)?;
    // Kept out of what HTTP libraries print and compress.
    value.set_sensitive(true);
    Ok(value)
}

async fn connect(config: &Config) -> Result<TlsStream<TcpStream>, NoAnswer> {
    let Config { controller: address, server_name: name, .. } = config;
    let tls = tls(&config.trust_anchors).await?;
    let impostor = |error: String| NoAnswer::Impostor { address: address.clone(), name: name.clone(), error };
    let server = ServerName::try_from(name.clone()).map_err(|e| impostor(e.to_string()))?;
    let unreachable =
        |error: io::Error| NoAnswer::Unreachable { address: address.clone(), error: error.to_string() };
    let stream = TcpStream::connect(address).await.map_err(unreachable)?;
    let handshake = TlsConnector::from(tls).connect(server, stream).await;
    handshake.map_err(|error| match error.get_ref().is_some_and(|e| e.is::<rustls::Error>()) {
        true => impostor(error.to_string()),
        false => unreachable(error),
    })
}

/// The roots in a file.
pub(crate) async fn anchors(path: &Path) -> Result<Bundle, NoAnswer> {
    let bad = |error: String| NoAnswer::Anchors { path: path.into(), error };
    let text = tokio::fs::read_to_string(path).await.map_err(|e| bad(e.to_string()))?;
    Bundle::from_pem(&text).map_err(|e| bad(e.to_string()))
}

async fn tls(path: &Path) -> Result<Arc<ClientConfig>, NoAnswer> {
    let mut roots = RootCertStore::empty();
    for root in anchors(path).await?.roots() {
        let bad = |error: rustls::Error| NoAnswer::Anchors { path: path.into(), error: error.to_string() };
        roots.add(root.clone()).map_err(bad)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3");
    let mut tls = builder.with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(tls))
}

/// An error with what caused it: the outermost of tonic says only "transport error".
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

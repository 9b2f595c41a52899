//! A proxy and its agent, which are to be served whatever happens.

use crate::controller::{Controller, PATIENCE};
use heddle_ca::PrivateKey;
use heddle_proto::envoy::config::core::v3::Node;
use heddle_proto::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use heddle_proto::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use heddle_proto::istio::v1::auth::IstioCertificateRequest;
use heddle_proto::istio::v1::auth::istio_certificate_service_client::IstioCertificateServiceClient;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

/// The type of clusters.
pub(crate) const CDS: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

/// A caller of the controller.
#[derive(Clone)]
pub(crate) struct Caller {
    listen: SocketAddr,
    roots: Arc<RootCertStore>,
    /// The address that it connects from: 127.0.31.`host`.
    host: u8,
    certificate: Option<Arc<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>>,
    workload: String,
    token: String,
}

/// A delta stream.
pub(crate) struct Stream {
    pub(crate) say: mpsc::Sender<DeltaDiscoveryRequest>,
    hear: Streaming<DeltaDiscoveryResponse>,
}

impl Caller {
    /// Somebody with a token of `external/shop/NAME`.
    pub(crate) fn new(controller: &Controller, name: &str, host: u8) -> Self {
        let pem = std::fs::read(controller.path("state/roots.pem")).unwrap();
        let mut roots = RootCertStore::empty();
        CertificateDer::pem_slice_iter(&pem).for_each(|root| roots.add(root.unwrap()).unwrap());
        let workload = format!("external/shop/{name}");
        let token = controller.token(&workload);
        let (listen, roots) = (controller.listen, Arc::new(roots));
        Self { listen, roots, host, certificate: None, workload, token }
    }

    /// The same with a certificate, as its agent gets it.
    pub(crate) async fn certified(&self) -> Self {
        let (key, chain) = self.certify().await.expect("a certificate");
        let chain: Vec<_> =
            chain.iter().flat_map(|pem| CertificateDer::pem_slice_iter(pem.as_bytes())).collect();
        let chain: Vec<_> = chain.into_iter().map(Result::unwrap).collect();
        let key: PrivateKeyDer<'static> = key.secret_der().into();
        // The last one is the root.
        let chain = chain[..chain.len() - 1].to_vec();
        Self { certificate: Some(Arc::new((chain, key))), ..self.clone() }
    }

    /// A TLS connection.
    pub(crate) async fn dial(&self) -> io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone());
        let mut config = match self.certificate.as_deref() {
            Some((chain, key)) => builder.with_client_auth_cert(chain.clone(), key.clone_key()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from("heddle.heddle-system.svc").unwrap();
        let socket = tcp(self.host, self.listen).await?;
        TlsConnector::from(Arc::new(config)).connect(name, socket).await
    }

    pub(crate) async fn channel(&self) -> Result<Channel, tonic::transport::Error> {
        let own = self.clone();
        let connector = tower::service_fn(move |_| {
            let own = own.clone();
            async move { own.dial().await.map(TokioIo::new) }
        });
        Endpoint::from_static("http://localhost").connect_with_connector(connector).await
    }

    /// Asks for a certificate by token.
    pub(crate) async fn certify(&self) -> Result<(PrivateKey, Vec<String>), Status> {
        let key = PrivateKey::generate();
        let mut request =
            Request::new(IstioCertificateRequest { csr: key.request_pem(), ..Default::default() });
        let value = format!("Bearer {}", self.token).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        let channel = self.channel().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let answer = IstioCertificateServiceClient::new(channel).create_certificate(request).await?;
        Ok((key, answer.into_inner().cert_chain))
    }

    /// Opens a stream with a first request, in the name of its workload.
    pub(crate) async fn open(&self, first: DeltaDiscoveryRequest) -> Result<Stream, Status> {
        let node = Node { id: self.workload.clone(), ..Default::default() };
        self.open_as(DeltaDiscoveryRequest { node: Some(node), ..first }).await
    }

    /// The same, as whoever the request says.
    pub(crate) async fn open_as(&self, first: DeltaDiscoveryRequest) -> Result<Stream, Status> {
        let (say, said) = mpsc::channel(4);
        say.try_send(first).map_err(drop).unwrap();
        let mut request = Request::new(ReceiverStream::new(said));
        if self.certificate.is_none() {
            let value = format!("Bearer {}", self.token).parse().unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        let channel = self.channel().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let mut client = AggregatedDiscoveryServiceClient::new(channel)
            .max_encoding_message_size(64 << 20)
            .max_decoding_message_size(64 << 20);
        let hear = client.delta_aggregated_resources(request).await?.into_inner();
        Ok(Stream { say, hear })
    }

    /// Asserts that a proxy with a certificate is sent its clusters, and an agent with a token gets a certificate.
    pub(crate) async fn is_served(&self) {
        let all = DeltaDiscoveryRequest { type_url: CDS.into(), ..Default::default() };
        let served = async {
            let mut stream = self.open(all).await.expect("a stream");
            let first = stream.hear.message().await.expect("an answer").expect("the stream is open");
            assert!(!first.resources.is_empty());
            Self { certificate: None, ..self.clone() }.certify().await.expect("a certificate");
        };
        timeout(PATIENCE, served).await.expect("served in time");
    }
}

impl Stream {
    /// Returns how the stream ends; what comes before is passed over.
    pub(crate) async fn end(&mut self) -> Status {
        let end = async {
            loop {
                match self.hear.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Status::ok(""),
                    Err(status) => return status,
                }
            }
        };
        timeout(PATIENCE, end).await.expect("an end")
    }

    pub(crate) async fn hear(&mut self) -> Result<Option<DeltaDiscoveryResponse>, Status> {
        timeout(PATIENCE, self.hear.message()).await.expect("an answer")
    }
}

/// A TCP connection from 127.0.31.`host`.
pub(crate) async fn tcp(host: u8, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 31, host)), 0))?;
    socket.connect(to).await
}

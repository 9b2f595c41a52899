//! A linkerd2-proxy's end of its streams, with the published crate's clients: what it is told, and nothing behind it.

use anyhow::{Context, Result, ensure};
use heddle_proto::io::linkerd::proxy as told;
use heddle_proto::json::Printer;
use hyper_util::rt::TokioIo;
use linkerd2_proxy_api::destination::GetDestination;
use linkerd2_proxy_api::destination::destination_client::DestinationClient;
use linkerd2_proxy_api::identity::CertifyRequest;
use linkerd2_proxy_api::identity::identity_client::IdentityClient;
use linkerd2_proxy_api::inbound::PortSpec;
use linkerd2_proxy_api::inbound::inbound_server_policies_client::InboundServerPoliciesClient;
use linkerd2_proxy_api::outbound::TrafficSpec;
use linkerd2_proxy_api::outbound::outbound_policies_client::OutboundPoliciesClient;
use linkerd2_proxy_api::outbound::traffic_spec::Target;
use prost::{Message, Name};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::codegen::tokio_stream::{Stream, StreamExt};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// The controller, and the name by which it must be known.
pub struct Controller {
    /// Its address.
    pub address: SocketAddr,
    /// A name in its certificate.
    pub name: String,
    /// Its authority, as PEM.
    pub roots: Vec<u8>,
}

/// A workload's certificate and key.
pub struct Credential {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// A connection of a workload.
pub struct Proxy(Channel);

/// A stream, whose messages are heard as JSON.
pub struct Heard {
    messages: Pin<Box<dyn Stream<Item = Result<Value, Status>> + Send>>,
    ended: bool,
}

impl Heard {
    /// The next message, or in the end how the stream ended; nothing comes then.
    pub async fn next(&mut self) -> Value {
        if self.ended {
            return std::future::pending().await;
        }
        let next = self.messages.next().await;
        self.ended = !matches!(next, Some(Ok(_)));
        match next {
            Some(Ok(message)) => message,
            Some(Err(status)) => format!("ended with {:?}: {}", status.code(), status.message()).into(),
            None => "ended with Ok".into(),
        }
    }
}

impl Credential {
    /// Asks for a certificate as a proxy does: over TLS without one, by its token.
    ///
    /// # Errors
    /// If it gets none.
    pub async fn ask(controller: &Controller, name: &str, token: &str) -> Result<Self> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let request = rcgen::CertificateParams::new([name.to_string()])?.serialize_request(&key)?;
        let Proxy(channel) = Proxy::connect(controller, None).await?;
        let asked = CertifyRequest {
            identity: name.into(),
            token: token.into(),
            certificate_signing_request: request.der().to_vec(),
        };
        let signed = IdentityClient::new(channel).certify(asked).await?.into_inner();
        ensure!(signed.valid_until.is_some(), "a certificate without an end");
        let all = [vec![signed.leaf_certificate], signed.intermediate_certificates].concat();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(Self { chain: all.into_iter().map(CertificateDer::from).collect(), key })
    }
}

impl Proxy {
    /// One HTTP/2 connection with prior knowledge: TLS 1.3, and no ALPN.
    ///
    /// # Errors
    /// If it cannot be made.
    pub async fn connect(controller: &Controller, credential: Option<&Credential>) -> Result<Self> {
        let socket = TcpStream::connect(controller.address).await?;
        let name = ServerName::try_from(controller.name.clone())?;
        let connector = TlsConnector::from(Arc::new(config(controller, credential)?));
        let mut only = Some(TokioIo::new(connector.connect(name, socket).await?));
        let once = tower::service_fn(move |_| {
            let gone = || std::io::Error::other("the connection is gone");
            std::future::ready(only.take().ok_or_else(gone))
        });
        Ok(Self(Endpoint::from_static("http://controller").connect_with_connector(once).await?))
    }

    /// Follows the answers to one question, asked by the method that the API calls so.
    ///
    /// # Errors
    /// If it is refused, or is no question.
    pub async fn follow(&self, method: &str, who: &str, asked: &str) -> Result<Heard> {
        let Self(channel) = self;
        let (channel, who) = (channel.clone(), who.to_string());
        let destination =
            || GetDestination { path: asked.into(), context_token: who.clone(), ..Default::default() };
        Ok(match method {
            "Get" => {
                let call = DestinationClient::new(channel).get(Request::new(destination())).await?;
                heard::<_, told::destination::Update>(call.into_inner())
            }
            "GetProfile" => {
                let call = DestinationClient::new(channel).get_profile(Request::new(destination())).await?;
                heard::<_, told::destination::DestinationProfile>(call.into_inner())
            }
            "WatchPort" => {
                let port = PortSpec { workload: who, port: asked.parse()? };
                let call = InboundServerPoliciesClient::new(channel).watch_port(port).await?;
                heard::<_, told::inbound::Server>(call.into_inner())
            }
            "Watch" => {
                let target = Some(Target::Addr(asked.parse::<SocketAddr>()?.into()));
                let spec = TrafficSpec { source_workload: who, target };
                let call = OutboundPoliciesClient::new(channel).watch(spec).await?;
                heard::<_, told::outbound::OutboundPolicy>(call.into_inner())
            }
            other => anyhow::bail!("there is no method {other:?}"),
        })
    }
}

/// Messages decoded by the published crate, printed by ours.
fn heard<P, M>(stream: tonic::Streaming<P>) -> Heard
where
    P: Message + Send + 'static,
    M: Name + 'static,
{
    // It reads all descriptors when it is made.
    static PRINTER: LazyLock<Printer> = LazyLock::new(Printer::new);
    let messages = stream.map(|message| {
        let printed = PRINTER.linkerd::<M>(message?.encode_to_vec().into());
        printed.map_err(|error| Status::internal(error.to_string()))
    });
    Heard { messages: Box::pin(messages), ended: false }
}

fn config(controller: &Controller, credential: Option<&Credential>) -> Result<ClientConfig> {
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(&controller.roots) {
        store.add(root.context("a root")?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13])?;
    let builder = builder.with_root_certificates(store);
    Ok(match credential {
        Some(Credential { chain, key }) => builder.with_client_auth_cert(chain.clone(), key.clone_key())?,
        None => builder.with_no_client_auth(),
    })
}

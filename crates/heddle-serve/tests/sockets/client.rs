//! A proxy's end of the port.

use crate::world::{Credential, World};
use heddle_ca::Authority;
use heddle_proto::envoy::config::core::v3::Node;
use heddle_proto::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use heddle_proto::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use heddle_proto::google::protobuf::{Struct, Value, value};
use heddle_session::ResourceType;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

/// The time that an answer may take, and for which silence is listened to.
const PATIENCE: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_millis(200);

/// One TLS connection, as Envoy makes it.
pub(crate) async fn dial(
    address: SocketAddr,
    trusted: &Authority,
    credential: Option<&Credential>,
) -> io::Result<TlsStream<TcpStream>> {
    let mut config = config(trusted, credential, rustls::DEFAULT_VERSIONS);
    config.alpn_protocols = vec![b"h2".to_vec()];
    connect(address, config).await
}

/// A client's settings, but for ALPN.
pub(crate) fn config(
    trusted: &Authority,
    credential: Option<&Credential>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    trusted.bundle().roots().iter().for_each(|root| roots.add(root.clone()).unwrap());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    match credential {
        Some(Credential { leaf, key }) => {
            let key = PrivateKeyDer::Pkcs8(key.secret_der());
            builder.with_client_auth_cert(leaf.chain(), key).unwrap()
        }
        None => builder.with_no_client_auth(),
    }
}

/// Shakes hands.
pub(crate) async fn connect(address: SocketAddr, config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await
}

impl World {
    /// An HTTP/2 connection, made at its first use.
    pub(crate) async fn channel(&self, credential: Option<Credential>) -> Channel {
        let (address, trusted, credential) = (self.address, self.authority.clone(), Arc::new(credential));
        let connector = tower::service_fn(move |_| {
            let (trusted, credential) = (trusted.clone(), credential.clone());
            async move { dial(address, &trusted, credential.as_ref().as_ref()).await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_static("http://localhost");
        endpoint.connect_with_connector(connector).await.unwrap()
    }

    /// A delta stream of `node`, shown `credential`; what it says first is in `first`.
    pub(crate) async fn delta(&self, account: &str, node: &str, first: DeltaDiscoveryRequest) -> Delta {
        let channel = self.channel(Some(self.credential(account))).await;
        let first = DeltaDiscoveryRequest { node: Some(node_of(node)), ..first };
        Delta::open(channel, None, first).await.unwrap()
    }
}

pub(crate) fn node_of(id: &str) -> Node {
    Node { id: id.into(), user_agent_name: "envoy".into(), ..Node::default() }
}

/// A node whose traffic nothing captures.
pub(crate) fn bound_node(id: &str) -> Node {
    let bound = Value { kind: Some(value::Kind::StringValue("bound".into())) };
    let metadata = Struct { fields: [("heddle.capture".to_string(), bound)].into() };
    Node { metadata: Some(metadata), ..node_of(id) }
}

/// A first request for everything of a type.
pub(crate) fn all(ty: ResourceType) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest { type_url: ty.url().into(), ..Default::default() }
}

/// A stream, both ways. State of the world and delta differ in their messages only.
pub(crate) struct Stream<In, Out> {
    say: mpsc::Sender<In>,
    hear: Streaming<Out>,
}

pub(crate) type Delta = Stream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
pub(crate) type Sotw = Stream<DiscoveryRequest, DiscoveryResponse>;

fn request<T>(first: T, token: Option<&str>) -> (mpsc::Sender<T>, Request<ReceiverStream<T>>) {
    let (say, said) = mpsc::channel(16);
    say.try_send(first).map_err(drop).expect("room for the first");
    let mut request = Request::new(ReceiverStream::new(said));
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    (say, request)
}

fn client(channel: Channel) -> AggregatedDiscoveryServiceClient<Channel> {
    AggregatedDiscoveryServiceClient::new(channel)
        .max_decoding_message_size(64 << 20)
        .max_encoding_message_size(64 << 20)
}

impl Delta {
    pub(crate) async fn open(
        channel: Channel,
        token: Option<&str>,
        first: DeltaDiscoveryRequest,
    ) -> Result<Self, Status> {
        let (say, request) = request(first, token);
        let hear = client(channel).delta_aggregated_resources(request).await?.into_inner();
        Ok(Self { say, hear })
    }

    pub(crate) async fn ack(&self, response: &DeltaDiscoveryResponse) {
        let (type_url, response_nonce) = (response.type_url.clone(), response.nonce.clone());
        self.say(DeltaDiscoveryRequest { type_url, response_nonce, ..Default::default() }).await;
    }
}

impl Sotw {
    pub(crate) async fn open(
        channel: Channel,
        token: Option<&str>,
        first: DiscoveryRequest,
    ) -> Result<Self, Status> {
        let (say, request) = request(first, token);
        let hear = client(channel).stream_aggregated_resources(request).await?.into_inner();
        Ok(Self { say, hear })
    }
}

impl<In, Out> Stream<In, Out> {
    pub(crate) async fn say(&self, message: In) {
        self.say.send(message).await.map_err(drop).expect("the stream is open");
    }

    /// The next response.
    pub(crate) async fn hear(&mut self) -> Out {
        let message = tokio::time::timeout(PATIENCE, self.hear.message()).await.expect("an answer");
        message.unwrap().expect("the stream is open")
    }

    /// Nothing comes.
    pub(crate) async fn quiet(&mut self) {
        let heard = tokio::time::timeout(SILENCE, self.hear.message()).await;
        assert!(heard.is_err(), "something came");
    }

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
        tokio::time::timeout(PATIENCE, end).await.expect("an end")
    }
}

/// The names in a delta response, and those that it removes.
pub(crate) fn names(response: &DeltaDiscoveryResponse) -> (Vec<&str>, Vec<&str>) {
    let there = response.resources.iter().map(|resource| resource.name.as_str());
    (there.collect(), response.removed_resources.iter().map(String::as_str).collect())
}

#[track_caller]
pub(crate) fn check(status: &Status, code: tonic::Code, text: &str) {
    assert_eq!((status.code(), status.message()), (code, text));
}

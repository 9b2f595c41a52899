//! A linkerd2-proxy's end of the port: TLS 1.3, no ALPN, HTTP/2 with prior knowledge.

use crate::client::{config, connect};
use crate::world::{Credential, World};
use hyper_util::rt::TokioIo;
use linkerd2_proxy_api::destination::destination_client::DestinationClient;
use linkerd2_proxy_api::destination::update::Update as Kind;
use linkerd2_proxy_api::destination::{DestinationProfile, GetDestination, Update};
use linkerd2_proxy_api::inbound::inbound_server_policies_client::InboundServerPoliciesClient;
use linkerd2_proxy_api::inbound::{PortSpec, Server};
use linkerd2_proxy_api::net::TcpAddress;
use linkerd2_proxy_api::outbound::outbound_policies_client::OutboundPoliciesClient;
use linkerd2_proxy_api::outbound::traffic_spec::Target;
use linkerd2_proxy_api::outbound::{OutboundPolicy, TrafficSpec};
use linkerd2_proxy_api::{meta, net};
use std::net::SocketAddr;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

/// The time that an answer may take, and for which silence is listened to.
const PATIENCE: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_millis(200);

/// The context of the first workload.
pub(crate) const WEB: &str = r#"{"ns":"shop","external_workload":"web-0"}"#;

/// A proxy that is connected.
#[derive(Clone)]
pub(crate) struct Proxy {
    channel: Channel,
    pub(crate) who: String,
    token: Option<String>,
}

/// The messages of a stream, in words.
pub(crate) struct Heard<M>(Streaming<M>);

/// A message in words.
pub(crate) trait Words {
    fn words(&self) -> String;
}

impl World {
    /// A proxy of `who`, with a certificate of `account`.
    pub(crate) async fn proxy(&self, account: &str, who: &str) -> Proxy {
        let channel = self.plain_http2(Some(self.credential(account))).await;
        Proxy { channel, who: who.into(), token: None }
    }

    /// A proxy of `who` that shows a token.
    pub(crate) async fn proxy_with_token(&self, token: &str, who: &str) -> Proxy {
        Proxy { channel: self.plain_http2(None).await, who: who.into(), token: Some(token.into()) }
    }

    /// A proxy of `who` over a connection that is there.
    pub(crate) fn proxy_of(&self, channel: Channel, who: &str) -> Proxy {
        Proxy { channel, who: who.into(), token: None }
    }

    /// A proxy of `who` that shows nothing.
    pub(crate) async fn proxy_without(&self, who: &str) -> Proxy {
        Proxy { channel: self.plain_http2(None).await, who: who.into(), token: None }
    }

    /// An HTTP/2 connection, made as linkerd2-proxy makes it, and made once: one that breaks is not made again.
    pub(crate) async fn plain_http2(&self, credential: Option<Credential>) -> Channel {
        let config = config(&self.authority, credential.as_ref(), &[&rustls::version::TLS13]);
        let stream = connect(self.address, config).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), None);
        let mut only = Some(TokioIo::new(stream));
        let connector = tower::service_fn(move |_| {
            let gone = std::io::Error::other("the connection is gone");
            std::future::ready(only.take().ok_or(gone))
        });
        let endpoint = Endpoint::from_static("http://localhost");
        endpoint.connect_with_connector(connector).await.unwrap()
    }
}

impl Proxy {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        request
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Heard<Update>, Status> {
        let asked =
            GetDestination { path: path.into(), context_token: self.who.clone(), ..Default::default() };
        let mut client = DestinationClient::new(self.channel.clone());
        client.get(self.request(asked)).await.map(|heard| Heard(heard.into_inner()))
    }

    pub(crate) async fn get_profile(&self, path: &str) -> Result<Heard<DestinationProfile>, Status> {
        let asked =
            GetDestination { path: path.into(), context_token: self.who.clone(), ..Default::default() };
        let mut client = DestinationClient::new(self.channel.clone());
        client.get_profile(self.request(asked)).await.map(|heard| Heard(heard.into_inner()))
    }

    pub(crate) async fn watch_port(&self, port: u32) -> Result<Heard<Server>, Status> {
        let asked = PortSpec { workload: self.who.clone(), port };
        let mut client = InboundServerPoliciesClient::new(self.channel.clone());
        client.watch_port(self.request(asked)).await.map(|heard| Heard(heard.into_inner()))
    }

    pub(crate) async fn get_port(&self, port: u32) -> Result<Server, Status> {
        let asked = PortSpec { workload: self.who.clone(), port };
        let mut client = InboundServerPoliciesClient::new(self.channel.clone());
        client.get_port(self.request(asked)).await.map(tonic::Response::into_inner)
    }

    /// `Watch` of an address, of a name, or of nothing.
    pub(crate) async fn watch(&self, target: &str) -> Result<Heard<OutboundPolicy>, Status> {
        let mut client =
            OutboundPoliciesClient::new(self.channel.clone()).max_decoding_message_size(64 << 20);
        client.watch(self.request(self.traffic(target))).await.map(|heard| Heard(heard.into_inner()))
    }

    pub(crate) async fn get_policy(&self, target: &str) -> Result<OutboundPolicy, Status> {
        let mut client = OutboundPoliciesClient::new(self.channel.clone());
        client.get(self.request(self.traffic(target))).await.map(tonic::Response::into_inner)
    }

    fn traffic(&self, target: &str) -> TrafficSpec {
        let address = |socket: SocketAddr| {
            Target::Addr(TcpAddress { ip: Some(socket.ip().into()), port: socket.port().into() })
        };
        let target = match target.parse() {
            Ok(socket) => Some(address(socket)),
            Err(_) if target.is_empty() => None,
            Err(_) => Some(Target::Authority(target.into())),
        };
        TrafficSpec { source_workload: self.who.clone(), target }
    }
}

impl<M: Words> Heard<M> {
    /// The next message.
    pub(crate) async fn hear(&mut self) -> String {
        let message = tokio::time::timeout(PATIENCE, self.0.message()).await.expect("an answer");
        message.unwrap().expect("the stream is open").words()
    }

    /// Nothing comes.
    pub(crate) async fn quiet(&mut self) {
        let heard = tokio::time::timeout(SILENCE, self.0.message()).await;
        assert!(heard.is_err(), "something came");
    }

    /// Returns how the stream ends; what comes before is passed over.
    pub(crate) async fn end(&mut self) -> Status {
        let end = async {
            loop {
                match self.0.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Status::ok(""),
                    Err(status) => return status,
                }
            }
        };
        tokio::time::timeout(PATIENCE, end).await.expect("an end")
    }
}

impl Words for Update {
    fn words(&self) -> String {
        let port = |address: &net::TcpAddress| address.port.to_string();
        match self.update.as_ref().unwrap() {
            Kind::Add(set) => {
                let ports = set.addrs.iter().map(|one| port(one.addr.as_ref().unwrap()));
                format!("+{}", ports.collect::<Vec<_>>().join(" "))
            }
            Kind::Remove(set) => format!("-{}", set.addrs.iter().map(port).collect::<Vec<_>>().join(" ")),
            Kind::NoEndpoints(none) => format!("none, exists: {}", none.exists),
        }
    }
}

impl Words for DestinationProfile {
    fn words(&self) -> String {
        self.fully_qualified_name.clone()
    }
}

impl Words for Server {
    fn words(&self) -> String {
        self.labels["name"].clone()
    }
}

impl Words for OutboundPolicy {
    fn words(&self) -> String {
        match self.metadata.as_ref().unwrap().kind.as_ref().unwrap() {
            meta::metadata::Kind::Default(text) => text.clone(),
            meta::metadata::Kind::Resource(resource) => panic!("{resource:?}"),
        }
    }
}

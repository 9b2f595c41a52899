//! The application's probes and hooks, asked in the kubelet's stead.
//!
//! Only what is registered is asked, at the Pod's own address, as the kubelet would ask it: an application that listens on
//! loopback alone is as unready as it is without a mesh. It is dialled as its own Envoy dials it, past the capture.

mod metrics;
mod unverified;

pub use metrics::MetricsPage;

use crate::exchange::{Failure, exchange};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use heddle_model::capture::ENVOY_SOURCES;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tower::service_fn;

/// The time that a hook may take, of which Kubernetes says nothing.
const HOOK: u64 = 60;

/// The application beside the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// The Pod's address.
    pub address: IpAddr,
    /// The questions that it may be asked.
    pub handlers: Handlers,
    /// The page of its metrics, if it has one.
    pub metrics: Option<MetricsPage>,
}

impl Default for Application {
    fn default() -> Self {
        Self { address: Ipv4Addr::LOCALHOST.into(), handlers: Handlers::default(), metrics: None }
    }
}

/// Probes and hooks by `CONTAINER/HANDLER`. Read from JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Handlers(BTreeMap<String, Handler>);

impl FromStr for Handlers {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Handler {
    port: u16,
    timeout_seconds: Option<u64>,
    #[serde(flatten)]
    action: ProbeAction,
}

/// The actions of a Kubernetes `Probe` that go over the network.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ProbeAction {
    #[serde(rename_all = "camelCase")]
    HttpGet {
        path: Option<String>,
        #[serde(default)]
        scheme: Scheme,
        #[serde(default)]
        http_headers: Vec<HttpHeader>,
    },
    TcpSocket {},
    Grpc {
        service: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Scheme {
    #[default]
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct HttpHeader {
    name: String,
    value: String,
}

/// The pages `/probe/CONTAINER/HANDLER`.
pub(crate) fn pages(application: Application) -> Router {
    Router::new().route("/probe/{container}/{handler}", get(page)).with_state(Arc::new(application))
}

async fn page(
    State(application): State<Arc<Application>>,
    Path((container, handler)): Path<(String, String)>,
    headers: HeaderMap,
) -> (StatusCode, String) {
    let Some(handler) = application.handlers.0.get(&format!("{container}/{handler}")) else {
        return (StatusCode::NOT_FOUND, "no such probe of this Pod\n".into());
    };
    let at = SocketAddr::new(application.address, handler.port);
    let limit = Duration::from_secs(handler.timeout_seconds.unwrap_or(HOOK));
    match tokio::time::timeout(limit, handler.action.ask(at, headers.get(header::USER_AGENT))).await {
        Ok(Ok(status)) => (status, format!("port {} answers {status}\n", handler.port)),
        Ok(Err(error)) => (StatusCode::BAD_GATEWAY, format!("port {}: {error}\n", handler.port)),
        Err(_) => (StatusCode::GATEWAY_TIMEOUT, format!("port {}: no answer in {limit:?}\n", handler.port)),
    }
}

impl ProbeAction {
    /// Returns the status that the kubelet is told: from 200 to 399 all is well.
    async fn ask(&self, at: SocketAddr, agent: Option<&HeaderValue>) -> Result<StatusCode, Failure> {
        match self {
            Self::HttpGet { path, scheme, http_headers } => {
                let path = path.as_deref().unwrap_or_default();
                let mut request = Request::get(format!("/{}", path.strip_prefix('/').unwrap_or(path)));
                for HttpHeader { name, value } in http_headers {
                    request = request.header(name, value);
                }
                let mut request = request.body(String::new())?;
                let headers = request.headers_mut();
                if let Some(agent) = agent.filter(|_| !headers.contains_key(header::USER_AGENT)) {
                    headers.insert(header::USER_AGENT, agent.clone());
                }
                Ok(fetch(at, *scheme, request).await?.status())
            }
            Self::TcpSocket {} => {
                dial(at).await?;
                Ok(StatusCode::OK)
            }
            Self::Grpc { service } => {
                let dialled = service_fn(move |_: Uri| async move { dial(at).await.map(TokioIo::new) });
                let endpoint = Endpoint::from_shared(format!("http://{at}"))?;
                let channel = endpoint.connect_with_connector(dialled).await?;
                let request = HealthCheckRequest { service: service.clone().unwrap_or_default() };
                let answer = HealthClient::new(channel).check(request).await?.into_inner();
                let serves = answer.status() == ServingStatus::Serving;
                Ok(if serves { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE })
            }
        }
    }
}

/// Sends a request to the application, and returns its answer.
async fn fetch(
    at: SocketAddr,
    scheme: Scheme,
    mut request: Request<String>,
) -> Result<Response<Incoming>, Failure> {
    if !request.headers().contains_key(header::HOST) {
        request.headers_mut().insert(header::HOST, at.to_string().try_into()?);
    }
    let stream = dial(at).await?;
    match scheme {
        Scheme::Http => exchange(stream, request).await,
        Scheme::Https => exchange(unverified::connect(stream, at.ip()).await?, request).await,
    }
}

/// Dials as an Envoy dials its own application: from there capture leads nowhere. Where the system refuses that address (IPv6
/// without `::6`), it chooses one.
async fn dial(at: SocketAddr) -> io::Result<TcpStream> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    let source = ENVOY_SOURCES.into_iter().find(|source| source.is_ipv4() == at.is_ipv4());
    if let Some(Err(error)) = source.map(|source| socket.bind(SocketAddr::new(source, 0))) {
        tracing::debug!(%error, "probing from an address of the system's choice");
    }
    socket.connect(at).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;
    use hyper_util::service::TowerToHyperService;
    use tokio::net::TcpListener;

    async fn served(router: Router) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        tokio::spawn(async { axum::serve(listener, router).await });
        at
    }

    /// Asks the agent for one handler, of which `action` is what its author wrote.
    async fn asked(port: u16, action: &str) -> StatusCode {
        let text = format!(r#"{{"web/liveness": {{"port": {port}, "timeoutSeconds": 1, {action}}}}}"#);
        let handlers = text.parse().expect("handlers");
        let agent = served(pages(Application { handlers, ..Application::default() })).await;
        status(agent, "/probe/web/liveness").await
    }

    async fn status(at: SocketAddr, path: &str) -> StatusCode {
        let client: Client<_, String> = Client::builder(TokioExecutor::new()).build_http();
        let uri: Uri = format!("http://{at}{path}").parse().expect("a URI");
        client.get(uri).await.expect("an answer").status()
    }

    /// An application that is well at `/ok?deep=1` of host `web` alone.
    async fn application() -> SocketAddr {
        served(Router::new().fallback(async |uri: Uri, headers: HeaderMap| {
            let well = uri == "/ok?deep=1" && headers.get("host").is_some_and(|host| host == "web");
            if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
        }))
        .await
    }

    #[tokio::test]
    async fn the_status_is_the_applications() {
        let at = application().await;
        let host = r#""httpHeaders": [{"name": "Host", "value": "web"}]"#;
        let well = format!(r#""httpGet": {{"path": "/ok?deep=1", "port": "http", {host}}}"#);
        assert_eq!(asked(at.port(), &well).await, StatusCode::OK);
        let ill = format!(r#""httpGet": {{"path": "/ok", {host}}}"#);
        assert_eq!(asked(at.port(), &ill).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(asked(at.port(), r#""httpGet": {}"#).await, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_socket_is_dialled_and_an_application_that_is_down_fails() {
        let at = application().await;
        assert_eq!(asked(at.port(), r#""tcpSocket": {}"#).await, StatusCode::OK);
        let closed =
            TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
        for action in [r#""tcpSocket": {}"#, r#""httpGet": {}"#, r#""grpc": {}"#] {
            assert_eq!(asked(closed.port(), action).await, StatusCode::BAD_GATEWAY, "{action}");
        }
    }

    #[tokio::test]
    async fn an_application_with_a_certificate_of_its_own_is_asked_over_tls() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(["elsewhere.example".to_owned()]).expect("a name");
        let own = params.self_signed(&key).expect("signed");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        let tls = builder.with_single_cert(vec![own.der().clone()], key.into()).expect("a pair");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.expect("a caller");
                let Ok(stream) = acceptor.accept(socket).await else { continue };
                let router = TowerToHyperService::new(Router::new().route("/ok", get(async || "ok")));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), router),
                );
            }
        });
        assert_eq!(asked(port, r#""httpGet": {"path": "/ok", "scheme": "HTTPS"}"#).await, StatusCode::OK);
        let absent = asked(port, r#""httpGet": {"path": "/no", "scheme": "HTTPS"}"#).await;
        assert_eq!(absent, StatusCode::NOT_FOUND);
        assert_eq!(
            asked(port, r#""httpGet": {"path": "/ok"}"#).await,
            StatusCode::BAD_GATEWAY,
            "in plain text"
        );
    }

    #[tokio::test]
    async fn one_that_says_nothing_is_waited_for_as_long_as_its_author_said() {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = silent.local_addr().expect("an address").port();
        assert_eq!(asked(port, r#""httpGet": {}"#).await, StatusCode::GATEWAY_TIMEOUT);
    }

    #[tokio::test]
    async fn a_grpc_service_is_asked_by_its_name() {
        let (reporter, service) = tonic_health::server::health_reporter();
        reporter.set_service_status("well", tonic_health::ServingStatus::Serving).await;
        reporter.set_service_status("ill", tonic_health::ServingStatus::NotServing).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
        assert_eq!(asked(port, r#""grpc": {"service": "well"}"#).await, StatusCode::OK);
        assert_eq!(asked(port, r#""grpc": {"service": "ill"}"#).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(asked(port, r#""grpc": {"service": "absent"}"#).await, StatusCode::BAD_GATEWAY);
    }

    #[tokio::test]
    async fn only_what_is_registered_is_asked() {
        let agent = served(pages(Application::default())).await;
        assert_eq!(status(agent, "/probe/web/liveness").await, StatusCode::NOT_FOUND);
    }

    #[test]
    fn what_is_no_handler_says_where() {
        let error =
            r#"{"web/liveness": {"port": 80000, "tcpSocket": {}}}"#.parse::<Handlers>().expect_err("a port");
        assert!(error.to_string().contains("80000"), "{error}");
    }
}

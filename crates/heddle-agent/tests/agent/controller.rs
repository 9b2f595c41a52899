//! A certificate service as the controller has it: real TLS, real tokens, a real authority.

use heddle_ca::token::{self, Grant, Rules, TokenKey};
use heddle_ca::{Authority, Bundle, PrivateKey, Random, Template, authority, csr};
use heddle_model::Identity;
use heddle_proto::istio::v1::auth::istio_certificate_service_server::{
    IstioCertificateService, IstioCertificateServiceServer,
};
use heddle_proto::istio::v1::auth::{IstioCertificateRequest, IstioCertificateResponse};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tonic::{Request, Response, Status};

/// The tests' view of the controller, and their means to direct it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Connections whose handshake failed.
    pub(crate) impostors: usize,
    /// Requests that were refused.
    pub(crate) refused: usize,
    /// Certificates that were issued.
    pub(crate) issued: usize,
}

/// The parts that outlive a controller: its authority and the key of its tokens.
pub(crate) struct Mesh {
    authority: Authority,
    tokens: TokenKey,
    lifetime: Duration,
    seen: watch::Sender<Seen>,
}

pub(crate) struct Controller {
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serials that differ; nothing here needs them to be random.
fn serials() -> impl FnMut(&mut [u8]) {
    |bytes: &mut [u8]| {
        let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos();
        bytes.copy_from_slice(&nanos.to_be_bytes());
    }
}

fn rules() -> Rules {
    Rules { issuer: "heddle".into(), audiences: ["heddle".to_string()].into() }
}

fn identity(name: &str) -> Identity {
    Identity::new("shop", name).expect("valid")
}

fn template(name: &str, lifetime: Duration) -> Template {
    Template::workload(&identity(name), "cluster.local", "heddle.cluster.local", lifetime)
}

impl Mesh {
    pub(crate) fn new(lifetime: Duration) -> Arc<Self> {
        let now = SystemTime::now();
        let random: Random<'_> = &mut serials();
        let root = authority::root(now, random);
        let signing = authority::intermediate(&root, now, random).expect("intermediate");
        let authority = Authority::load(&root.certificate, signing, now).expect("authority");
        let seen = watch::Sender::new(Seen::default());
        Arc::new(Self { authority, tokens: TokenKey::generate(), lifetime, seen })
    }

    pub(crate) fn bundle(&self) -> &Bundle {
        self.authority.bundle()
    }

    pub(crate) fn token(&self) -> String {
        let lifetime = Duration::from_secs(3600);
        let grant = Grant { identity: identity("web"), external_workload: "web".into(), lifetime };
        token::issue(&self.tokens, &grant, &rules(), SystemTime::now())
    }

    pub(crate) fn seen(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    /// Starts a controller that serves under this name.
    pub(crate) async fn serve(self: &Arc<Self>, name: &str) -> Controller {
        self.serve_at(name, "127.0.0.1:0".parse().expect("address")).await
    }

    pub(crate) async fn serve_at(self: &Arc<Self>, name: &str, address: SocketAddr) -> Controller {
        let tls = TlsAcceptor::from(Arc::new(self.tls(name)));
        let listener = TcpListener::bind(address).await.expect("free port");
        let address = listener.local_addr().expect("address");
        let accepting = tokio::spawn(accept(self.clone(), listener, tls));
        Controller { address, accepting }
    }

    fn tls(&self, name: &str) -> rustls::ServerConfig {
        let key = PrivateKey::generate();
        let own = template("heddle", Duration::from_secs(3600));
        let template = Template::controller([name.to_string()], own);
        let leaf = self.authority.sign(&template, &key.public(), SystemTime::now(), &mut serials());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(leaf.expect("leaf").chain(), key.secret_der().into())
            .expect("pair");
        tls.alpn_protocols = vec![b"h2".to_vec()];
        tls
    }

    fn create(&self, request: Request<IstioCertificateRequest>) -> Result<Vec<String>, Status> {
        let header = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| Status::unauthenticated("no bearer token"))?;
        let now = SystemTime::now();
        let caller = token::check(token, &self.tokens.keys(), &rules(), now)
            .map_err(|error| Status::unauthenticated(error.to_string()))?;
        let key = csr::parse(request.get_ref().csr.as_bytes())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let template = template(&caller.identity.service_account, self.lifetime);
        let leaf = self.authority.sign(&template, &key, now, &mut serials()).expect("leaf");
        let mut chain = leaf.chain_pem();
        chain.push(self.authority.bundle().pem().into());
        Ok(chain)
    }
}

async fn accept(mesh: Arc<Mesh>, listener: TcpListener, tls: TlsAcceptor) {
    // Ends its connections when it is aborted.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("accept");
        let (mesh, tls) = (mesh.clone(), tls.clone());
        connections.spawn(async move {
            let Ok(stream) = tls.accept(stream).await else {
                mesh.seen.send_modify(|seen| seen.impostors += 1);
                return;
            };
            let service = IstioCertificateServiceServer::new(Service(mesh));
            let service = TowerToHyperService::new(service);
            let server = auto::Builder::new(TokioExecutor::new());
            // How a client goes away does not matter here.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

struct Service(Arc<Mesh>);

#[tonic::async_trait]
impl IstioCertificateService for Service {
    async fn create_certificate(
        &self,
        request: Request<IstioCertificateRequest>,
    ) -> Result<Response<IstioCertificateResponse>, Status> {
        let created = self.0.create(request);
        self.0.seen.send_modify(|seen| match created {
            Ok(_) => seen.issued += 1,
            Err(_) => seen.refused += 1,
        });
        created.map(|cert_chain| Response::new(IstioCertificateResponse { cert_chain }))
    }
}

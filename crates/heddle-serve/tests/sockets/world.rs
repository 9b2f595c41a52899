//! A server with an authority, a token issuer and a mesh of its own.

use crate::linkerd::toy::Toy;
use crate::mesh::{Mesh, Publisher};
use futures::future::BoxFuture;
use heddle_ca::authority::{Pair, intermediate, root};
use heddle_ca::token::{self, Grant, Keys, Live, Liveness, Rules, TokenKey};
use heddle_ca::{Authority, Leaf, PrivateKey, Template};
use heddle_model::{Identity, WorkloadKey};
use heddle_serve::accept::Security;
use heddle_serve::certificates::Lifetimes;
use heddle_serve::clock::{Clock, WallClock};
use heddle_serve::drain::Drain;
use heddle_serve::engine;
use heddle_serve::feeds;
use heddle_serve::limits::Limits;
use heddle_serve::metrics::Metrics;
use heddle_serve::registry::{ClientView, Registry};
use heddle_serve::server::{ServeError, Server};
use heddle_serve::tls::{Material, Tls};
use heddle_serve::tokens::{Answer, FetchKeys, Review, Tokens};
use rustls::pki_types::PrivateKeyDer;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The workloads that run: the first two under one account.
pub(crate) const WORKLOADS: &[(&str, &str)] =
    &[("external/shop/web-0", "web"), ("external/shop/web-1", "web"), ("external/shop/cart-0", "cart")];

/// The credential of a workload: its certificates and its key.
pub(crate) struct Credential {
    pub(crate) leaf: Leaf,
    pub(crate) key: PrivateKey,
}

/// A running server and all that it trusts.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) authority: Arc<Authority>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) tokens: TokenKey,
    pub(crate) mesh: Publisher,
    pub(crate) registry: Arc<Registry>,
    pub(crate) metrics: prometheus_client::registry::Registry,
    pub(crate) drain: Drain,
    pub(crate) serving: JoinHandle<Result<(), ServeError>>,
    live: Arc<Living>,
    stale: Arc<Mutex<Vec<String>>>,
}

/// The live workloads, as the token check sees them.
#[derive(Default)]
struct Living(Mutex<Vec<(WorkloadKey, Liveness)>>);

impl Live for Living {
    fn live(&self, workload: &WorkloadKey) -> Liveness {
        let known = self.0.lock().unwrap();
        let found = known.iter().rev().find(|(key, _)| key == workload);
        found.map_or(Liveness::Unknown, |(_, liveness)| liveness.clone())
    }
}

struct OwnKeys(Keys);

impl FetchKeys for OwnKeys {
    fn fetch(&self) -> BoxFuture<'_, Result<Keys, String>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

struct Silent;

impl Review for Silent {
    fn review<'a>(&'a self, _: &'a str, _: &'a BTreeSet<String>) -> BoxFuture<'a, Result<Answer, String>> {
        Box::pin(std::future::pending())
    }
}

/// An authority of its own.
pub(crate) fn authority() -> Authority {
    let now = SystemTime::now();
    let root: Pair = root(now, &mut random);
    let signing = intermediate(&root, now, &mut random).unwrap();
    Authority::load(&root.certificate, signing, now).unwrap()
}

/// A certificate of `account`, good for `lifetime` from `now` on.
pub(crate) fn credential(
    authority: &Authority,
    account: &str,
    lifetime: Duration,
    now: SystemTime,
) -> Credential {
    let identity = Identity::new("shop", account).unwrap();
    let template = Template::workload(&identity, "cluster.local", "heddle.cluster.local", lifetime);
    let key = PrivateKey::generate();
    Credential { leaf: authority.sign(&template, &key.public(), now, &mut random).unwrap(), key }
}

/// The serving certificate, trusting clients of `anchors`.
pub(crate) fn material(authority: &Authority, anchors: &Authority) -> Material {
    let identity = Identity::new("heddle", "heddle").unwrap();
    let own =
        Template::workload(&identity, "cluster.local", "heddle.cluster.local", Duration::from_secs(3600));
    let template = Template::controller(["localhost".to_string()], own);
    let key = PrivateKey::generate();
    let leaf = authority.sign(&template, &key.public(), SystemTime::now(), &mut random).unwrap();
    Material {
        chain: leaf.chain(),
        key: PrivateKeyDer::Pkcs8(key.secret_der()),
        anchors: anchors.bundle().roots().to_vec(),
    }
}

pub(crate) fn random(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).unwrap();
}

pub(crate) fn rules(audience: &str) -> Rules {
    Rules { issuer: "heddle".into(), audiences: [audience.to_string()].into() }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::build(limits, |tokens| tokens).await
    }

    /// A server whose issuer is asked about tokens of unknown keys, and never answers.
    pub(crate) async fn with_silent_issuer() -> Self {
        Self::build(Limits::default(), |tokens| tokens.reviewed_by(Box::new(Silent))).await
    }

    async fn build(limits: Limits, checked: impl Fn(Tokens) -> Tokens) -> Self {
        let (owner, engine) = engine::engine::<Mesh>();
        let (desk, feeds) = feeds::feeds::<Toy>();
        let mesh = Publisher::start(owner, desk, WORKLOADS);
        let stale = Arc::<Mutex<Vec<String>>>::default();
        let known = stale.clone();
        let engine = engine.unless(Arc::new(move || known.lock().unwrap().clone()));
        let (authority, token_key) = (Arc::new(authority()), TokenKey::generate());
        let live = Arc::new(Living::default());
        let mut metrics = prometheus_client::registry::Registry::default();
        let counted = Metrics::new(&mut metrics, "test", "test");
        let registry = Arc::new(Registry::new(limits.streams_per_workload, counted.clone()));
        let keys = token_key.keys();
        let source = Box::new(OwnKeys(keys.clone()));
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let tokens = Tokens::new(rules("heddle"), keys.clone(), source, live.clone(), clock.clone());
        let audiences = ["heddle", "identity.l5d.io"].map(String::from).into();
        let both = Rules { audiences, ..rules("heddle") };
        let source = Box::new(OwnKeys(keys.clone()));
        let linkerd_tokens = Tokens::new(both, keys, source, live.clone(), clock.clone());
        let tls = Arc::new(Tls::new(material(&authority, &authority)).unwrap());
        let server = Server {
            engine,
            feeds,
            resolve: Toy::topic,
            tokens: Arc::new(checked(tokens)),
            linkerd_tokens: Arc::new(checked(linkerd_tokens)),
            signer: Arc::new(arc_swap::ArcSwapOption::from(Some(authority.clone()))),
            lifetimes: Lifetimes { default: Duration::from_secs(600), most: Duration::from_secs(3600) },
            registry: registry.clone(),
            metrics: counted,
            limits,
            clock,
            drain: Drain::new(),
        };
        let drain = server.drain.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(server.serve(listener, Security::Tls(tls.clone())));
        let world = Self {
            address,
            authority,
            tls,
            tokens: token_key,
            mesh,
            registry,
            metrics,
            drain,
            serving,
            live,
            stale,
        };
        WORKLOADS.iter().for_each(|(key, account)| world.alive(key, account));
        world
    }

    /// Says what the sources may have missed.
    pub(crate) fn stale(&self, lines: &[&str]) {
        *self.stale.lock().unwrap() = lines.iter().map(ToString::to_string).collect();
    }

    /// Lets tokens of a workload pass.
    pub(crate) fn alive(&self, key: &str, account: &str) {
        self.liveness(key, Liveness::Alive { uid: None, service_account: account.into() });
    }

    pub(crate) fn liveness(&self, key: &str, liveness: Liveness) {
        self.live.0.lock().unwrap().push((key.parse().unwrap(), liveness));
    }

    /// A certificate of `account`, good for an hour.
    pub(crate) fn credential(&self, account: &str) -> Credential {
        credential(&self.authority, account, Duration::from_secs(3600), SystemTime::now())
    }

    /// A token of the workload `external/shop/NAME`, good for ten minutes.
    pub(crate) fn token(&self, account: &str, name: &str) -> String {
        self.token_for(account, name, Duration::from_secs(600))
    }

    pub(crate) fn token_for(&self, account: &str, name: &str, lifetime: Duration) -> String {
        token::issue(&self.tokens, &grant(account, name, lifetime), &rules("heddle"), SystemTime::now())
    }

    /// The only stream, when it is there.
    pub(crate) async fn only_client(&self) -> ClientView {
        let mut clients =
            self.eventually(|world| Some(world.registry.view()).filter(|all| all.len() == 1)).await;
        clients.remove(0)
    }

    /// Waits until `look` sees something, at most ten seconds.
    pub(crate) async fn eventually<T>(&self, look: impl Fn(&Self) -> Option<T>) -> T {
        for _ in 0..1_000 {
            if let Some(seen) = look(self) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not seen within ten seconds");
    }

    /// The value of a metric, by the whole of its name and labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in\n{text}")).parse().unwrap()
    }
}

pub(crate) fn grant(account: &str, name: &str, lifetime: Duration) -> Grant {
    Grant { identity: Identity::new("shop", account).unwrap(), external_workload: name.into(), lifetime }
}

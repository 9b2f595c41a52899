//! The server, with its real parts: index, projection, feeds, TLS. Only discovery for Envoys is missing.

use super::link::{Credential, Plan};
use crate::mesh::{self, Mesh};
use anyhow::{Context, Result};
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, ready};
use heddle_ca::authority::{intermediate, root};
use heddle_ca::{Authority, PrivateKey, Template};
use heddle_catalog::Linkerd;
use heddle_index::Index;
use heddle_model::{Event, Identity, Kind, Name, Snapshot, WorkloadKey};
use heddle_serve::accept::Security;
use heddle_serve::auth::{Authenticate, Caller};
use heddle_serve::certificates::Lifetimes;
use heddle_serve::clock::WallClock;
use heddle_serve::drain::Drain;
use heddle_serve::engine::{Client, Published, Publisher, engine};
use heddle_serve::feeds::{FeedServer, feeds};
use heddle_serve::limits::Limits;
use heddle_serve::metrics::Metrics;
use heddle_serve::refusal::Refusal;
use heddle_serve::registry::Registry;
use heddle_serve::tls::{Material, Tls};
use heddle_session::{Resource, ResourceType, Version, View};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

const TRUST_DOMAIN: &str = "bench.mesh";
const SUFFIX: &str = "heddle.bench.mesh";
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// A running server, and the end by which its mesh is changed.
pub(super) struct Server {
    address: SocketAddr,
    services: usize,
    authority: Arc<Authority>,
    changes: mpsc::Sender<Event>,
    mesh: Mesh,
}

impl Server {
    pub(super) async fn start(services: usize) -> Result<Self> {
        let (owner, engine) = engine::<State>();
        let (desk, feeds) = feeds::<Linkerd>();
        let (changes, events) = mpsc::channel(16);
        let mesh = Mesh { services, workloads: 10 };
        let index = Index::new();
        tokio::spawn(Own { index, owner, desk }.run(mesh.events(), events));
        let authority = Arc::new(authority()?);
        let mut registry = prometheus_client::registry::Registry::default();
        let metrics = Metrics::new(&mut registry, "bench", "-");
        let many = 100_000;
        let limits = Limits {
            connections: many,
            connections_per_address: many,
            connections_per_identity: many,
            questions_per_workload: many,
            ..Limits::default()
        };
        let server = heddle_serve::server::Server {
            engine,
            feeds,
            resolve: heddle_linkerd::topic,
            tokens: Arc::new(NoTokens),
            linkerd_tokens: Arc::new(NoTokens),
            signer: Arc::new(ArcSwapOption::from(Some(authority.clone()))),
            lifetimes: Lifetimes::default(),
            registry: Arc::new(Registry::new(limits.streams_per_workload, metrics.clone())),
            metrics,
            limits,
            clock: Arc::new(WallClock),
            drain: Drain::new(),
        };
        let tls = Arc::new(Tls::new(material(&authority)?)?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(server.serve(listener, Security::Tls(tls)));
        Ok(Self { address, services, authority, changes, mesh })
    }

    /// Proxies of the first Pod.
    pub(super) fn plan(&self, connections: usize) -> Plan {
        let (key, leaf) = leaf(&self.authority, "s0").expect("a leaf of an own authority");
        let roots = self.authority.bundle().roots().iter().map(|root| root.to_vec()).collect();
        let credential = Credential {
            roots,
            chain: leaf.chain().iter().map(|der| der.to_vec()).collect(),
            key: key.secret_der().secret_pkcs8_der().to_vec(),
        };
        let Self { address, services, .. } = *self;
        Plan { address, connections, services, credential: Some(credential) }
    }

    /// Makes the first endpoint of the first service ready or not.
    pub(super) async fn flip(&self, ready: bool) -> Result<()> {
        let slice = heddle_lower::lower(Kind::EndpointSlice, &self.mesh.slice(0, ready));
        self.changes.send(Event::Set(Box::new(slice))).await.context("the owner has gone")
    }
}

/// What the controller's one owner does.
struct Own {
    index: Index,
    owner: Publisher<State>,
    desk: FeedServer<Linkerd>,
}

impl Own {
    async fn run(mut self, first: Vec<Event>, mut events: mpsc::Receiver<Event>) {
        first.into_iter().for_each(|event| self.index.apply(event));
        self.publish();
        loop {
            tokio::select! {
                event = events.recv() => {
                    let Some(event) = event else { return };
                    self.index.apply(event);
                    self.publish();
                }
                word = self.desk.next() => {
                    let Some(word) = word else { return };
                    self.desk.take(word);
                }
            }
        }
    }

    fn publish(&mut self) {
        let changed = self.index.resolve();
        let snapshot = self.index.snapshot();
        self.owner.published.send_replace(Some(Arc::new(State { snapshot: snapshot.clone() })));
        self.desk.publish(&changed, &BTreeSet::new(), &snapshot);
    }
}

fn random(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the system has randomness");
}

fn authority() -> Result<Authority> {
    let now = SystemTime::now();
    let root = root(now, &mut random);
    let signing = intermediate(&root, now, &mut random)?;
    Ok(Authority::load(&root.certificate, signing, now)?)
}

fn leaf(authority: &Authority, account: &str) -> Result<(PrivateKey, heddle_ca::Leaf)> {
    let identity = Identity::new(mesh::NAMESPACE, account)?;
    let template = Template::workload(&identity, TRUST_DOMAIN, SUFFIX, LIFETIME);
    let key = PrivateKey::generate();
    let leaf = authority.sign(&template, &key.public(), SystemTime::now(), &mut random)?;
    Ok((key, leaf))
}

fn material(authority: &Authority) -> Result<Material> {
    let own = Template::workload(&Identity::new("heddle", "heddle")?, TRUST_DOMAIN, SUFFIX, LIFETIME);
    let template = Template::controller(["localhost".to_string()], own);
    let key = PrivateKey::generate();
    let leaf = authority.sign(&template, &key.public(), SystemTime::now(), &mut random)?;
    let anchors = authority.bundle().roots().to_vec();
    Ok(Material { chain: leaf.chain(), key: key.secret_der().into(), anchors })
}

struct NoTokens;

impl Authenticate for NoTokens {
    fn authenticate<'a>(&'a self, _: &'a str, _: std::net::IpAddr) -> BoxFuture<'a, Result<Caller, Refusal>> {
        ready(Err(Refusal::Token("none is taken here".into()))).boxed()
    }
}

/// A published state without resources.
struct State {
    snapshot: Snapshot,
}

#[derive(Clone)]
enum Never {}

impl Published for State {
    type Resource = Never;
    type View = Never;

    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn uid(&self, _: &WorkloadKey) -> Option<Name> {
        None
    }

    fn since(&self) -> Instant {
        Instant::now()
    }

    fn view(self: &Arc<Self>, _: &Client) -> Option<Never> {
        None
    }

    fn groups(&self, _: &Client) -> Vec<String> {
        Vec::new()
    }

    fn objects(&self, _: &Client, _: ResourceType, _: &Name) -> Vec<String> {
        Vec::new()
    }
}

impl Resource for Never {
    fn name(&self) -> &Name {
        match *self {}
    }

    fn version(&self) -> Version {
        match *self {}
    }

    fn body(&self) -> Bytes {
        match *self {}
    }

    fn framed(&self) -> Bytes {
        match *self {}
    }

    fn needs(&self, _: &mut dyn FnMut(ResourceType, &Name)) {
        match *self {}
    }
}

impl View for Never {
    type Resource = Self;

    fn sequence(&self) -> u64 {
        match *self {}
    }

    fn get(&self, _: ResourceType, _: &Name) -> Option<Self> {
        match *self {}
    }

    fn absent(&self, _: ResourceType, _: &Name) -> Option<Self> {
        match *self {}
    }

    fn for_each(&self, _: ResourceType, _: &mut dyn FnMut(&Self)) {
        match *self {}
    }

    fn changed_since(&self, _: u64) -> Option<Vec<(ResourceType, Name)>> {
        match *self {}
    }
}

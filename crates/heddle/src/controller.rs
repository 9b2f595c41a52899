//! The controller: a source, the owner, the servers, and how they end.

mod ages;
mod certificate;
mod folder;
mod health;
mod live;
mod pages;
pub(crate) mod vital;

use crate::authority::{Keeper, Kept, Origin};
use crate::signals::Ends;
use crate::source::Source;
use crate::state::{self, Lock, State};
use crate::{cluster, engine};
use anyhow::{Context, Result, bail};
use engine::EngineHandles;
use health::Health;
use heddle_admission::RootsSource;
use heddle_ca::Authority;
use heddle_catalog::Linkerd;
use heddle_kube::{PodRoots, TrustPlaces, WebhookConfiguration};
use heddle_serve::accept::Security;
use heddle_serve::admin::{self, LogLevel};
use heddle_serve::certificates::Lifetimes;
use heddle_serve::clock::WallClock;
use heddle_serve::drain::Drain;
use heddle_serve::engine::Engine;
use heddle_serve::limits::Limits;
use heddle_serve::metrics::Metrics;
use heddle_serve::registry::Registry;
use heddle_serve::server::Server;
use heddle_serve::tls::Tls;
use heddle_serve::tokens::Tokens;
use prometheus_client::registry::Registry as MetricRegistry;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tokio::sync::watch;
use vital::VitalTasks;

/// The servers' end of the owner.
type Mesh = Engine<engine::State>;

/// The settings of a controller.
pub(crate) struct Config {
    pub source: Source,
    pub state: PathBuf,
    pub authority: Option<PathBuf>,
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    pub namespace: String,
    pub cluster_domain: String,
    pub certificate_lifetime: Duration,
    pub drain: Duration,
    pub own_networks: bool,
    pub serving_names: Vec<String>,
    /// The fields of the Mesh that this installation states.
    pub mesh: Option<heddle_kube::MeshValues>,
    pub webhook: Option<Webhook>,
    /// The home of the roots that Pods trust.
    pub pod_roots: RootsSource,
}

/// The webhook that gives Pods their proxies.
#[derive(Clone)]
pub(crate) struct Webhook {
    pub listen: SocketAddr,
    /// The configurations by which the API server calls it.
    pub configurations: Vec<WebhookConfiguration>,
    pub settings: heddle_admission::InjectorSettings,
}

/// The part of a source that the servers need.
struct SourceSetup {
    keeper: Keeper,
    authority: Kept,
    /// Held until the controller ends.
    _claim: Option<Lock>,
    tokens: Tokens,
    linkerd_tokens: Tokens,
    owner: engine::Engine,
    health: Health,
}

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn serve(config: Config, log: Arc<dyn LogLevel>) -> Result<()> {
    let mut ends = Ends::listen()?;
    let (owner, mesh) = heddle_serve::engine::engine();
    let (desk, feeds) = heddle_serve::feeds::feeds();
    let owner = EngineHandles { owner, desk };
    let mut vital = VitalTasks::default();
    let SourceSetup { keeper, authority, _claim, tokens, linkerd_tokens, owner, health } = match &config
        .source
    {
        Source::Directory(path) => on_folder(path.clone(), &config, owner, mesh.clone(), &mut vital).await?,
        Source::Kubernetes => on_cluster(&config, owner, mesh.clone(), &mut vital).await?,
    };
    let drain = Drain::new();
    let mut registry = MetricRegistry::default();
    let metrics =
        Metrics::new(&mut registry, env!("CARGO_PKG_VERSION"), option_env!("HEDDLE_COMMIT").unwrap_or("-"));
    health.register(&mut registry);
    vital.spawn("keeping the authority", keeper.run(metrics.clone()));
    let descriptors = heddle_agent::descriptors::raise();
    let limits = limits(&config, descriptors);
    tracing::info!(descriptors, connections = limits.connections, "limits");
    let clients = Arc::new(Registry::new(limits.streams_per_workload, metrics.clone()));
    let health = Arc::new(health);
    let bound = Arc::new(AtomicBool::new(false));
    let pages = pages::Parts {
        mesh: mesh.clone(),
        progress: owner.progress.clone(),
        health: health.clone(),
        authority: authority.condition.clone(),
        listen: config.listen,
        bound: bound.clone(),
        log,
    };
    let pages = pages.pages(Arc::new(registry), clients.clone());
    let listener = TcpListener::bind(config.admin).await;
    let listener = listener.with_context(|| format!("cannot serve the admin pages at {}", config.admin))?;
    vital.spawn("serving the admin pages", admin::serve(listener, pages, drain.clone()));
    let server = Server {
        engine: mesh.clone().unless(Arc::new(move || health.stale())),
        feeds,
        resolve: heddle_linkerd::topic,
        tokens: Arc::new(tokens),
        linkerd_tokens: Arc::new(linkerd_tokens),
        signer: authority.signer.clone(),
        lifetimes: Lifetimes { default: config.certificate_lifetime, most: config.certificate_lifetime },
        registry: clients,
        metrics,
        limits,
        clock: Arc::new(WallClock),
        drain: drain.clone(),
    };
    let webhook = config.webhook.clone();
    let port = Port { listen: config.listen, names: names(&config), bound, webhook };
    let serving = tokio::spawn(port.serve(authority.authority, mesh, server));
    let outcome = tokio::select! {
        ended = serving => ended.context("serving ended")?,
        error = vital.ended() => Err(error),
        () = ends.wait() => Ok(()),
    };
    tracing::info!(seconds = config.drain.as_secs(), "shutting down, draining streams");
    if !drain.finish(config.drain).await {
        tracing::warn!("some streams did not end in time");
    }
    outcome
}

async fn on_folder(
    path: PathBuf,
    config: &Config,
    owner: EngineHandles,
    mesh: Mesh,
    vital: &mut VitalTasks,
) -> Result<SourceSetup> {
    let state = State::open(&config.state)?;
    let claim = state.claim()?;
    let origin = mounted_or(config, Origin::State(state.clone()));
    let (keeper, authority) = Keeper::start(origin, SystemTime::now()).await?;
    let key = state.token_key()?;
    let live = Arc::new(live::Workloads(mesh));
    let check = |rules| {
        let own = Box::new(live::OwnKeys(key.keys()));
        Tokens::new(rules, key.keys(), own, live.clone(), Arc::new(WallClock))
    };
    let rules = state::token_rules();
    let (linkerd_tokens, tokens) = (check(state::with_linkerd(&rules)), check(rules));
    let owner = engine::start(owner, None, vital);
    let health = Health::Folder(folder::watch(path, owner.queue.clone(), vital));
    Ok(SourceSetup { keeper, authority, _claim: Some(claim), tokens, linkerd_tokens, owner, health })
}

async fn on_cluster(
    config: &Config,
    owner: EngineHandles,
    mesh: Mesh,
    vital: &mut VitalTasks,
) -> Result<SourceSetup> {
    let client = cluster::connect().await?;
    if let Some(values) = &config.mesh {
        values.check(&client).await?;
    }
    let own = Origin::Cluster { client: client.clone(), namespace: config.namespace.clone() };
    let (keeper, authority) = Keeper::start(mounted_or(config, own), SystemTime::now()).await?;
    let (rules, keys) = cluster::ClusterKeys(client.clone()).rules().await?;
    let live = Arc::new(live::Workloads(mesh));
    let check = |rules| {
        let source = Box::new(cluster::ClusterKeys(client.clone()));
        Tokens::new(rules, keys.clone(), source, live.clone(), Arc::new(WallClock))
            .reviewed_by(Box::new(cluster::ClusterReviews(client.clone())))
    };
    let (linkerd_tokens, tokens) = (check(state::with_linkerd(&rules)), check(rules));
    let leads = cluster::run_for_leader(&client, &config.namespace, vital);
    let outcomes = cluster::write_statuses(&client, leads.clone(), vital);
    let trust = cluster::publish_trust(
        client.clone(),
        trust_places(config),
        authority.authority.clone(),
        leads.clone(),
        vital,
    );
    if let Some(values) = config.mesh.clone() {
        vital.spawn("applying the values to the Mesh", heddle_kube::keep_mesh(client.clone(), values, leads));
    }
    let owner = engine::start(owner, Some(outcomes), vital);
    let health = Health::Cluster { watches: cluster::follow(client, owner.queue.clone(), vital), trust };
    Ok(SourceSetup { keeper, authority, _claim: None, tokens, linkerd_tokens, owner, health })
}

fn trust_places(config: &Config) -> TrustPlaces {
    TrustPlaces {
        webhooks: config.webhook.iter().flat_map(|webhook| webhook.configurations.clone()).collect(),
        pods: match config.pod_roots {
            RootsSource::ClusterTrustBundle => PodRoots::ClusterTrustBundle,
            RootsSource::ConfigMap => PodRoots::ConfigMaps { own_namespace: config.namespace.clone() },
        },
    }
}

/// The authority that was made elsewhere, or else this controller's own.
fn mounted_or(config: &Config, own: Origin) -> Origin {
    config.authority.clone().map_or(own, Origin::Mounted)
}

/// Streams end early enough for a proxy to come back with its next certificate, which the agent has from two
/// thirds of the lifetime on.
fn limits(config: &Config, descriptors: u64) -> Limits {
    let limits = Limits::default();
    let expiry_margin = limits.expiry_margin.min(config.certificate_lifetime / 5);
    // Each such network is a projection of all listeners, for whoever asks: not for the workloads of a cluster.
    let own_networks = config.own_networks || matches!(config.source, Source::Directory(_));
    Limits { expiry_margin, own_networks, ..limits }.within_descriptors(descriptors)
}

fn names(config: &Config) -> Vec<String> {
    let Config { namespace, cluster_domain, serving_names, .. } = config;
    let own = [format!("heddle.{namespace}.svc"), format!("heddle.{namespace}.svc.{cluster_domain}")];
    own.into_iter().chain(serving_names.iter().cloned()).collect()
}

/// The address at which proxies are served.
struct Port {
    listen: SocketAddr,
    names: Vec<String>,
    /// Set once the kernel takes connections: readiness waits for it.
    bound: Arc<AtomicBool>,
    webhook: Option<Webhook>,
}

impl Port {
    /// Opens the port once the first state is there: its own certificate names the mesh's trust domain.
    async fn serve(
        self,
        authority: watch::Receiver<Arc<Authority>>,
        mesh: Mesh,
        server: Server<engine::State, Linkerd>,
    ) -> Result<()> {
        let Self { listen, names, bound, webhook } = self;
        let first = mesh.first().await.context("the owner has gone")?;
        let certificate =
            certificate::Certificate::new(names, authority, &first.snapshot.mesh, server.metrics.clone())?;
        let tls = certificate.tls()?;
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("cannot serve proxies at {listen}"))?;
        let injecting = inject(webhook, tls.clone()).await?;
        bound.store(true, Ordering::Relaxed);
        tracing::info!(address = %listen, "serving proxies and agents");
        let serving = server.serve(listener, Security::Tls(tls.clone()));
        tokio::select! {
            served = serving => Ok(served?),
            () = injecting => bail!("the webhook ended"),
            never = certificate.keep(tls) => match never {},
        }
    }
}

/// Binds the webhook, if there is one, under the controller's own certificate, and returns what serves it for ever.
async fn inject(webhook: Option<Webhook>, tls: Arc<Tls>) -> Result<impl Future<Output = ()>> {
    let bound = match webhook {
        Some(Webhook { listen, configurations: _, settings }) => {
            let listener = TcpListener::bind(listen).await;
            let listener = listener.with_context(|| format!("cannot serve the webhook at {listen}"))?;
            tracing::info!(address = %listen, "serving the webhook");
            Some((listener, settings))
        }
        None => None,
    };
    Ok(async move {
        match bound {
            Some((listener, settings)) => {
                heddle_admission::server::serve(listener, Arc::new(move || tls.current()), settings).await;
            }
            None => std::future::pending().await,
        }
    })
}

//! A cluster as the source: objects from its API server, the authority from its Secrets, tokens by its keys.

mod authority;
mod keys;

pub(crate) use authority::{SECRETS, authority, renew_authority};
pub(crate) use keys::{ClusterKeys, ClusterReviews};

use crate::controller::vital::VitalTasks;
use crate::engine::Outcome;
use anyhow::{Context, Result};
use heddle_ca::Authority;
use heddle_kube::{Client, Election, StatusWriter, TrustPlaces, Watches, elect};
use heddle_model::Event;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::{mpsc, watch};

/// Outcomes that wait for the writer, which keeps only the newest of each object.
const OUTCOMES: usize = 1024;

/// Returns where the cluster is.
pub(crate) async fn connect() -> Result<Client> {
    let text = "no cluster: neither in-cluster credentials nor a kubeconfig can be used";
    heddle_kube::client().await.context(text)
}

/// Lists everything once.
pub(crate) async fn list() -> Result<Vec<Event>> {
    Ok(heddle_kube::list(connect().await?).await?)
}

/// Follows every kind for ever.
pub(crate) fn follow(client: Client, queue: mpsc::Sender<Event>, vital: &mut VitalTasks) -> Watches {
    let watches = Watches::new();
    vital.spawn("watching the cluster", heddle_kube::watch(client, queue, watches.clone()));
    watches
}

/// Takes part in the election of the replica that writes. Returns whether this one leads.
pub(crate) fn run_for_leader(
    client: &Client,
    namespace: &str,
    vital: &mut VitalTasks,
) -> watch::Receiver<bool> {
    let (lead, leads) = watch::channel(false);
    let election = Election { namespace: namespace.into(), lease: "heddle".into(), replica: replica() };
    vital.spawn("the election", elect(client.clone(), election, lead));
    leads
}

/// Publishes the trust anchors. Returns whether the API server can trust the webhooks.
pub(crate) fn publish_trust(
    client: Client,
    places: TrustPlaces,
    mut authority: watch::Receiver<Arc<Authority>>,
    leads: watch::Receiver<bool>,
    vital: &mut VitalTasks,
) -> watch::Receiver<bool> {
    let (trusted, trust) = watch::channel(false);
    let (tell, roots) = watch::channel(authority.borrow().bundle().pem().to_owned());
    vital.spawn(
        "publishing the trust anchors",
        heddle_kube::keep_trust(client, places, roots, leads, trusted),
    );
    vital.spawn("following the trust anchors", async move {
        while authority.changed().await.is_ok() {
            let pem = authority.borrow_and_update().bundle().pem().to_owned();
            tell.send_if_modified(|published| {
                *published != pem && {
                    *published = pem;
                    true
                }
            });
        }
        tell.closed().await;
    });
    trust
}

/// Writes what became of objects, while this replica leads.
pub(crate) fn write_statuses(
    client: &Client,
    leads: watch::Receiver<bool>,
    vital: &mut VitalTasks,
) -> mpsc::Sender<Outcome> {
    let (outcomes, mut came) = mpsc::channel::<Outcome>(OUTCOMES);
    let writer = StatusWriter::new(client.clone(), heddle_status::CONTROLLER);
    vital.spawn("writing statuses", writer.clone().run(leads));
    vital.spawn("collecting statuses", async move {
        while let Some(Outcome { source, report, meta }) = came.recv().await {
            writer.want(source, (*report).clone(), meta, seconds(SystemTime::now()));
        }
    });
    outcomes
}

/// The name of this replica: its Pod's, which Kubernetes sets as the host name.
fn replica() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{name}_{}", std::process::id())
}

fn seconds(now: SystemTime) -> i64 {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

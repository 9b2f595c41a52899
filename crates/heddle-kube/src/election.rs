//! The election of the replica that writes: the holder of the Lease.

mod claim;

use crate::retry::Retry;
use claim::{Claim, Observed};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// The time that a leader that says nothing keeps the others waiting.
const TERM: Duration = Duration::from_secs(15);

/// The interval at which the leader says that it is there, and the others look.
const RENEW: Duration = Duration::from_secs(3);

/// The time that the leader believes in itself without having been able to say so: less than a term, so that two
/// never write at once.
const DOUBT: Duration = Duration::from_secs(10);

/// An election of one among those that may lead.
#[derive(Clone, Debug)]
pub struct Election {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub lease: String,
    /// The name of this replica, unlike any other's: its Pod's name.
    pub replica: String,
}

/// Takes part in an election until nobody listens to `leads` any more.
pub async fn elect(client: Client, election: Election, leads: watch::Sender<bool>) {
    let api: Api<Lease> = Api::namespaced(client, &election.namespace);
    let mut observed = Observed::default();
    let mut retry = Retry::new();
    let mut held = None;
    loop {
        let pause = match timeout(RENEW, turn(&api, &election, &mut observed)).await {
            Ok(Ok(leading)) => {
                held = leading.then(Instant::now);
                retry.reset();
                RENEW
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "lease could not be renewed");
                retry.next().min(RENEW)
            }
            Err(_) => Duration::ZERO,
        };
        let now = Instant::now();
        let leading = held.is_some_and(|since| now.duration_since(since) < DOUBT);
        leads.send_if_modified(|leads| std::mem::replace(leads, leading) != leading);
        tokio::select! {
            () = sleep(pause) => {}
            () = leads.closed() => return,
        }
    }
}

/// Looks at the Lease and takes or renews it where that is right. Returns whether this replica leads.
async fn turn(api: &Api<Lease>, election: &Election, observed: &mut Observed) -> Result<bool, kube::Error> {
    let lease = api.get_opt(&election.lease).await?;
    let spec = lease.as_ref().and_then(|lease| lease.spec.clone()).unwrap_or_default();
    let time = MicroTime(jiff::Timestamp::now());
    let spec = match observed.claim(&spec, &election.replica, Instant::now(), time) {
        Claim::Wait => return Ok(false),
        Claim::Take(spec) => spec,
    };
    let params = PostParams { field_manager: Some(crate::MANAGER.to_owned()), ..Default::default() };
    let written = match lease {
        Some(lease) => api.replace(&election.lease, &params, &Lease { spec: Some(*spec), ..lease }).await,
        None => {
            let metadata = ObjectMeta { name: Some(election.lease.clone()), ..Default::default() };
            api.create(&params, &Lease { metadata, spec: Some(*spec) }).await
        }
    };
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

//! From the first message to a session: who it is for, whether it may be, and what there is to send.

use super::drive::Drive;
use super::hello::Hello;
use super::wire::Wire;
use crate::auth::Caller;
use crate::bind::{bind, ended};
use crate::engine::{Awaited, Client, News, Published};
use crate::messages::Messages;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::registry::{self, Standing, Standpoint};
use crate::shared::Shared;
use heddle_session::{Session, Variant};
use heddle_xds::Capture;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tonic::Status;

/// The start of an Envoy's name for itself.
const ENVOY: &str = "envoy";

/// One stream, to its end. `Ok` where the client ended it.
pub(super) async fn run<W: Wire, P: Published>(
    shared: &Shared<P>,
    mut caller: Caller,
    peer: &Peer,
    mut inbound: Messages,
    outbound: &mpsc::Sender<Result<W::Out, Status>>,
) -> Result<(), Status> {
    let silent = |_| Refusal::Silent(shared.limits.first_message);
    tokio::time::timeout(shared.limits.first_message, inbound.begun()).await.map_err(silent)?;
    let first: Option<W::In> = inbound.next().await.map_err(Refusal::Message)?;
    let Some(mut first) = first else { return Ok(()) };
    let Hello { node, capture, agent } = Hello::read(W::node(&mut first))?;
    if matches!(capture, Capture::Bound(Some(_))) && !shared.limits.own_networks {
        return Err(Refusal::OwnNetwork(capture).into());
    }
    if W::VARIANT == Variant::Sotw && capture == Capture::Captured && agent.starts_with(ENVOY) {
        return Err(Refusal::CapturedSotw.into());
    }
    let state = shared.engine.latest()?;
    let workload = bind(&node, &caller, state.snapshot())?;
    caller.uid = caller.uid.or_else(|| state.uid(&workload));
    drop(state);
    let admission = shared.registry.admit(&workload)?;
    let client = Client { workload, capture };
    let mut news = shared.engine.news();
    let _member = shared.engine.join(client.clone());
    let state = projected(shared, &client, &caller, &mut news).await?;
    let refused = shared.registry.quarantine().of(&client.workload);
    let session = Session::<P::Resource>::resume(W::VARIANT, shared.limits.session, refused);
    let session = Arc::new(Mutex::new(session));
    let entry = registry::Client {
        workload: client.workload.clone(),
        identity: caller.identity.clone(),
        variant: W::VARIANT,
        agent,
        groups: state.groups(&client),
        peer: peer.address,
        proof: caller.proof.clone(),
        since: shared.clock.now(),
        expires: caller.expires,
        standing: standing(session.clone(), client.clone(), news.clone()),
    };
    let entry = shared.registry.enter(admission, entry);
    let span = tracing::info_span!("stream", workload = %client.workload, id = entry.id());
    span.in_scope(|| tracing::info!(peer = %peer.address, variant = ?W::VARIANT, "proxy connected"));
    let account = shared.budgets.open(&client.workload, &caller.identity);
    let drive = Drive::<W, P>::new(shared, client, caller, state, session, account);
    drive.run(first, inbound, news, outbound, span).await
}

/// The first state that holds what is this client's own.
async fn projected<P: Published>(
    shared: &Shared<P>,
    client: &Client,
    caller: &Caller,
    news: &mut News<P>,
) -> Result<Arc<P>, Status> {
    let late = || {
        Refusal::NotNow(format!("the configuration of {} is still being made, try again", client.workload))
    };
    let wait = async {
        let mut state = news.latest();
        loop {
            if let Some(state) = state {
                if let Some(ended) = ended(&client.workload, caller, state.as_ref()) {
                    return Err(ended.into());
                }
                if state.view(client).is_some() {
                    return Ok(state);
                }
            }
            state = Some(news.next(Awaited::Admission).await.ok_or_else(late)?);
        }
    };
    tokio::time::timeout(shared.limits.first_message, wait).await.map_err(|_| late())?
}

/// Returns where the client stands, worked out when somebody asks.
fn standing<P: Published>(
    session: Arc<Mutex<Session<P::Resource>>>,
    client: Client,
    news: News<P>,
) -> Standing {
    Arc::new(move || {
        let progress = session.lock().unwrap_or_else(PoisonError::into_inner).progress();
        let state = news.peek();
        let objects = |ty, name: &_| state.as_ref().map(|state| state.objects(&client, ty, name));
        let standpoint = |progress: heddle_session::Progress| Standpoint {
            objects: progress
                .refused
                .iter()
                .map(|refused| objects(progress.ty, &refused.name).unwrap_or_default())
                .collect(),
            progress,
        };
        progress.into_iter().map(standpoint).collect()
    })
}

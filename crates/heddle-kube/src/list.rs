//! Everything, once.

use crate::object;
use heddle_model::{Event, Kind, Lowered, Presence};
use kube::Client;
use kube::api::ListParams;

/// The number of objects that a page has.
const PAGE: u32 = 500;

/// The complete list of every kind: what the offline commands work on.
///
/// # Errors
/// A kind cannot be listed. An optional one that the cluster does not have is an empty list.
pub async fn list(client: Client) -> Result<Vec<Event>, kube::Error> {
    let mut events = Vec::new();
    for kind in Kind::ALL {
        events.push(Event::Replace(kind, every(client.clone(), kind).await?));
    }
    Ok(events)
}

/// All objects of a kind, in the newest of its versions that the cluster has.
async fn every(client: Client, kind: Kind) -> Result<Vec<Lowered>, kube::Error> {
    let mut absent = None;
    for version in kind.spec().versions.iter().copied() {
        match pages(client.clone(), kind, version).await {
            Err(kube::Error::Api(status)) if status.code == 404 => absent = Some(status),
            objects => return objects,
        }
    }
    match absent {
        Some(status) if kind.spec().presence == Presence::Required => Err(kube::Error::Api(status)),
        _ => Ok(Vec::new()),
    }
}

async fn pages(client: Client, kind: Kind, version: &str) -> Result<Vec<Lowered>, kube::Error> {
    let api = object::all(client, kind, version);
    let mut params = ListParams::default().limit(PAGE);
    let mut all = Vec::new();
    loop {
        let page = api.list(&params).await?;
        all.extend(page.items.into_iter().map(|object| object::lowered(kind, object)));
        match page.metadata.continue_ {
            Some(next) if !next.is_empty() => params.continue_token = Some(next),
            _ => return Ok(all),
        }
    }
}

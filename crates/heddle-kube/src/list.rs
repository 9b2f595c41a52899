//! Everything, once.

use crate::{absence, object};
use heddle_model::{Event, Kind, Lowered};
use kube::Client;
use kube::api::ListParams;

/// How many objects a page has.
const PAGE: u32 = 500;

/// The complete list of every kind: what the offline commands work on.
///
/// # Errors
/// A kind cannot be listed. An optional one that the cluster does not have is an empty list.
pub async fn list(client: Client) -> Result<Vec<Event>, kube::Error> {
    let mut events = Vec::new();
    for kind in Kind::ALL {
        let objects = match pages(client.clone(), kind).await {
            Err(kube::Error::Api(status)) if status.code == 404 && absence::optional(kind) => Vec::new(),
            objects => objects?,
        };
        events.push(Event::Replace(kind, objects));
    }
    Ok(events)
}

async fn pages(client: Client, kind: Kind) -> Result<Vec<Lowered>, kube::Error> {
    let api = object::all(client, kind);
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

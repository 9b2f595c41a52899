//! Which endpoints may be chosen for a client.

use heddle_model::Name;
use heddle_model::fact::Locality;
use heddle_model::snapshot::{Endpoint, Health};

/// The client's place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// Its Node.
    pub(crate) node: Option<Name>,
    /// Its zone.
    pub(crate) zone: Option<Name>,
}

/// The endpoints that may be chosen, in the order held.
///
/// `OnlyNode` narrows before readiness is looked at (a Node's ending endpoint is better than another Node's
/// ready one, as for kube-proxy); the preferences narrow after it, and never to nothing.
pub(crate) fn eligible<'a>(
    endpoints: impl Iterator<Item = &'a Endpoint>,
    locality: Locality,
    place: &Place,
) -> Vec<&'a Endpoint> {
    let on_node = |endpoint: &Endpoint| place.node.is_some() && endpoint.node == place.node;
    let in_zone = |endpoint: &Endpoint| place.zone.is_some() && endpoint.zone == place.zone;
    let all: Vec<&Endpoint> = endpoints.collect();
    match locality {
        Locality::Any => ready(all),
        Locality::PreferZone => prefer(ready(all), in_zone),
        Locality::PreferNode => {
            let ready = ready(all);
            let near: Vec<&Endpoint> = ready.iter().copied().filter(|e| on_node(e)).collect();
            if near.is_empty() { prefer(ready, in_zone) } else { near }
        }
        Locality::OnlyNode => ready(all.into_iter().filter(|e| on_node(e)).collect()),
    }
}

/// The ready ones, or where there are none those that drain.
fn ready(items: Vec<&Endpoint>) -> Vec<&Endpoint> {
    prefer(items, |endpoint| endpoint.health == Health::Ready)
}

fn prefer(items: Vec<&Endpoint>, wanted: impl Fn(&Endpoint) -> bool) -> Vec<&Endpoint> {
    let near: Vec<&Endpoint> = items.iter().copied().filter(|endpoint| wanted(endpoint)).collect();
    if near.is_empty() { items } else { near }
}

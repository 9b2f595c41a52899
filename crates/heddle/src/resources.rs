//! A proxy's resources as JSON, in Envoy's own words.

use anyhow::Result;
use heddle_model::Snapshot;
use heddle_proto::json::Printer;
use heddle_xds::{Client, Resource, ResourceKey, ResourceType};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// The part of a client's resources that is shown.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    /// All that it is given and offered.
    Everything,
    /// Resources of this name.
    Only(String),
    /// All that it is given when its workload dials these, and before.
    Dialled(Vec<SocketAddr>),
}

/// The resources of one client, by type and name.
pub(crate) fn of(client: &Client, snapshot: &Snapshot, shown: &Shown) -> Result<Value> {
    let printer = Printer::new();
    let (mut all, given) = in_groups(client, snapshot);
    let found: BTreeMap<ResourceKey, Value> = match shown {
        Shown::Everything => all,
        Shown::Only(name) => {
            all.extend(asked(client, snapshot, ResourceKey::new(ResourceType::Cluster, name.as_str())));
            all.retain(|key, _| key.name.as_str() == name);
            all
        }
        Shown::Dialled(addresses) => {
            let keys = addresses.iter().copied().map(heddle_xds::dialled_key);
            let asked: Vec<_> = keys.flat_map(|key| asked(client, snapshot, key)).collect();
            let roots = given.into_iter().chain(client.used(snapshot));
            let roots = roots.chain(asked.iter().map(|(key, _)| key.clone())).collect();
            all.extend(asked);
            needed(roots, all)
        }
    }
    .into_iter()
    .map(|(key, resource)| Ok((key, printer.print(&resource.body)?)))
    .collect::<Result<_>>()?;
    let bodies = |ty: ResourceType| -> Vec<&Value> {
        found.iter().filter(|(key, _)| key.ty == ty).map(|(_, body)| body).collect()
    };
    Ok(json!({
        "clusters": bodies(ResourceType::Cluster),
        "endpoints": bodies(ResourceType::Endpoint),
        "listeners": bodies(ResourceType::Listener),
        "routes": bodies(ResourceType::Route),
    }))
}

/// All that a client's groups hold, and what of it the client is given unasked.
fn in_groups(
    client: &Client,
    snapshot: &Snapshot,
) -> (BTreeMap<ResourceKey, Resource>, BTreeSet<ResourceKey>) {
    let (mut all, mut given) = (BTreeMap::new(), BTreeSet::new());
    for group in client.groups(snapshot) {
        let is_given = !client.is_offered(&group, snapshot);
        for key in heddle_xds::names(&group, snapshot) {
            // A later group overrides an earlier one name by name.
            if let Some(resource) = heddle_xds::project(&group, &key, snapshot) {
                given.extend(is_given.then(|| key.clone()));
                all.insert(key, resource);
            }
        }
    }
    (all, given)
}

/// The cluster of a dialled address, if that is what the key says; a cluster of nobody where nobody is there.
fn asked(client: &Client, snapshot: &Snapshot, key: ResourceKey) -> Option<(ResourceKey, Resource)> {
    heddle_xds::is_asked_for(&key).then(|| {
        let found = heddle_xds::asked(&client.workload.namespace, &key, snapshot);
        let resource = found.unwrap_or_else(|| heddle_xds::nobody(&key.name));
        (key, resource)
    })
}

/// These resources, and all that they need.
fn needed(
    mut roots: Vec<ResourceKey>,
    mut all: BTreeMap<ResourceKey, Resource>,
) -> BTreeMap<ResourceKey, Resource> {
    let mut found = BTreeMap::new();
    while let Some(key) = roots.pop() {
        if let Some(resource) = all.remove(&key) {
            roots.extend(resource.needs.iter().cloned());
            found.insert(key, resource);
        }
    }
    found
}

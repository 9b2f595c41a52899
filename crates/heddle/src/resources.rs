//! A proxy's resources as JSON, in Envoy's own words.

use anyhow::Result;
use heddle_model::Snapshot;
use heddle_proto::json::Printer;
use heddle_xds::{Client, ResourceKey, ResourceType};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Every resource of one client, by type and name; only those called `only` if it is given.
pub(crate) fn of(client: &Client, snapshot: &Snapshot, only: Option<&str>) -> Result<Value> {
    let printer = Printer::new();
    let mut found: BTreeMap<ResourceKey, Value> = BTreeMap::new();
    for group in client.groups(snapshot) {
        let names = heddle_xds::names(&group, snapshot).into_iter();
        for key in names.filter(|key| only.is_none_or(|only| only == key.name.as_str())) {
            // A later group overrides an earlier one name by name.
            if let Some(resource) = heddle_xds::project(&group, &key, snapshot) {
                found.insert(key, printer.print(&resource.body)?);
            }
        }
    }
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

//! The resources of one client.

use crate::brief::brief;
use heddle_model::Snapshot;
use heddle_proto::json::Printer;
use heddle_xds::{Client, Resource, ResourceKey, ResourceType};
use std::collections::BTreeMap;

/// Everything that a client is given: a later group overrides an earlier one name by name.
pub fn resources(client: &Client, snapshot: &Snapshot) -> BTreeMap<ResourceKey, Resource> {
    let groups = client.groups(snapshot).into_iter();
    let named = groups.flat_map(|group| {
        let names = heddle_xds::names(&group, snapshot).into_iter();
        let project = move |key| {
            let resource = heddle_xds::project(&group, &key, snapshot);
            resource.map(|resource| (key, resource))
        };
        names.filter_map(project).collect::<Vec<_>>()
    });
    named.collect()
}

/// The detail in which resources are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// All.
    Full,
    /// Parts that all of them have in a word.
    Brief,
}

/// The resources of a client as YAML, by type and name.
pub fn xds_text(client: &Client, snapshot: &Snapshot, detail: Detail) -> String {
    let printer = Printer::new();
    let mut text = String::new();
    for (key, resource) in resources(client, snapshot) {
        let kind = match key.ty {
            ResourceType::Cluster => "cluster",
            ResourceType::Endpoint => "endpoints",
            ResourceType::Listener => "listener",
            ResourceType::Route => "routes",
        };
        let body =
            printer.print(&resource.body).unwrap_or_else(|error| panic!("{kind} {}: {error}", key.name));
        let body = match detail {
            Detail::Full => body,
            Detail::Brief => brief(body),
        };
        text += &format!("# {kind} {}\n---\n{}", key.name, crate::text::yaml(&body));
    }
    text
}

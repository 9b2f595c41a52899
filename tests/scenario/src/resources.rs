//! The resources of one client.

use crate::brief::brief;
use heddle_model::{Owner, Reach, Snapshot};
use heddle_proto::json::Printer;
use heddle_xds::{Capture, Client, Resource, ResourceKey, ResourceType};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// A port that no scenario declares.
const UNDECLARED: u16 = 59_999;

/// Everything that a client is given and offered, and what it gets for every address that somebody has: a later group
/// overrides an earlier one name by name.
pub fn resources(client: &Client, snapshot: &Snapshot) -> BTreeMap<ResourceKey, Resource> {
    let mut found = in_groups(client, snapshot);
    if client.capture == Capture::Captured {
        found.extend(dialled(client, snapshot, everywhere(client, snapshot)));
    }
    found
}

/// The clusters of what a client dials, but for those of nobody.
pub fn dialled(
    client: &Client,
    snapshot: &Snapshot,
    addresses: impl IntoIterator<Item = SocketAddr>,
) -> BTreeMap<ResourceKey, Resource> {
    let asked = addresses.into_iter().map(heddle_xds::dialled_key).filter_map(|key| {
        let resource = heddle_xds::asked(&client.workload.namespace, &key, snapshot)?;
        Some((key, resource))
    });
    asked.collect()
}

/// Every port at every address that somebody has, and one that nobody declares at each workload's.
pub fn everywhere(client: &Client, snapshot: &Snapshot) -> BTreeSet<SocketAddr> {
    let own = Reach::Namespace(client.workload.namespace.clone());
    let seen = snapshot.addresses.iter().filter(|(key, _)| key.reach == Reach::Mesh || key.reach == own);
    let mut all = BTreeSet::new();
    for (key, owner) in seen {
        let ports: BTreeSet<u16> = match owner {
            Owner::Service(service) => snapshot
                .services
                .get(service)
                .into_iter()
                .flat_map(|found| &found.ports)
                .map(|port| port.number)
                .collect(),
            Owner::Workload(workload) => {
                let found = snapshot.workloads.get(workload);
                let declared = found.into_iter().flat_map(|found| &found.inbound).map(|port| port.port);
                let skipped = found.into_iter().flat_map(|found| &found.skip_inbound_ports).copied();
                declared.chain(skipped).chain([UNDECLARED]).collect()
            }
            Owner::Endpoints(ports) => ports.keys().copied().collect(),
            Owner::Node(_) | Owner::ApiServer => BTreeSet::new(),
        };
        all.extend(ports.into_iter().map(|port| SocketAddr::new(key.address, port)));
    }
    all
}

fn in_groups(client: &Client, snapshot: &Snapshot) -> BTreeMap<ResourceKey, Resource> {
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
    let (mut text, mut asked) = (String::new(), BTreeMap::new());
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
            Detail::Brief if heddle_xds::is_asked_for(&key) => {
                asked.insert(key.name.to_string(), in_a_word(&resource, &body));
                continue;
            }
            // It is the same for everyone, and `plain-service` shows it.
            Detail::Brief if &*key.name == "handback" => continue,
            Detail::Brief => brief(body),
        };
        text += &format!("# {kind} {}\n---\n{}", key.name, crate::text::yaml(&body));
    }
    if !asked.is_empty() {
        text += &format!("# clusters of what is dialled\n---\n{}", crate::text::yaml(&json!(asked)));
    }
    text
}

/// The place to which a dialled connection goes.
fn in_a_word(resource: &Resource, body: &Value) -> String {
    let listener = resource.needs.iter().rfind(|need| need.ty == ResourceType::Listener);
    if let Some(listener) = listener {
        return format!("handed back to {}", listener.name);
    }
    match (body.pointer("/eds_cluster_config/service_name"), body.pointer("/transport_socket/typed_config")) {
        (Some(service), _) => format!("endpoints of {}", service.as_str().unwrap_or_default()),
        (None, Some(tls)) => brief(tls.clone()).as_str().unwrap_or_default().to_string(),
        (None, None) => "as it is".into(),
    }
}

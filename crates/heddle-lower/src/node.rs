//! Nodes.

use crate::mesh::networks;
use crate::meta;
use crate::notes::Notes;
use crate::place::Place;
use crate::workload;
use heddle_model::Name;
use heddle_model::fact::Node;
use ipnet::IpNet;
use std::net::IpAddr;

pub(crate) fn lower(root: &Place<'_>, notes: &mut Notes) -> Node {
    let label = |name| meta::label(root, name).filter(|value| !value.is_empty()).map(Name::from);
    Node {
        addresses: addresses(root, notes),
        region: label("topology.kubernetes.io/region"),
        zone: label("topology.kubernetes.io/zone"),
        pod_cidrs: pod_cidrs(root, notes),
    }
}

/// The addresses at which the Node itself is reached; host names are none.
fn addresses(root: &Place<'_>, notes: &mut Notes) -> Vec<IpAddr> {
    let list = root.get("status").and_then(|status| status.get("addresses")).map(|list| list.list());
    let list = list.and_then(|list| notes.take(list, "it has no address")).unwrap_or_default();
    let is_ip =
        |item: &&Place<'_>| matches!(item.value()["type"].as_str(), Some("InternalIP" | "ExternalIP"));
    let items = list.iter().filter(is_ip).filter_map(|item| item.get("address"));
    workload::addresses(items.collect(), notes)
}

fn pod_cidrs(root: &Place<'_>, notes: &mut Notes) -> Vec<IpNet> {
    let spec = root.get("spec");
    spec.map(|spec| networks(&spec, "podCIDRs", "it has no Pod network", notes)).unwrap_or_default()
}

//! Nodes.

use crate::diagnostics::Diagnostics;
use crate::field::Field;
use crate::mesh::networks;
use crate::meta;
use crate::workload;
use heddle_model::Name;
use heddle_model::fact::Node;
use ipnet::IpNet;
use std::net::IpAddr;

pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Node {
    let label = |name| meta::label(root, name).filter(|value| !value.is_empty()).map(Name::from);
    Node {
        addresses: addresses(root, notes),
        region: label("topology.kubernetes.io/region"),
        zone: label("topology.kubernetes.io/zone"),
        pod_cidrs: pod_cidrs(root, notes),
    }
}

/// The addresses at which the Node itself is reached; host names are none.
fn addresses(root: &Field<'_>, notes: &mut Diagnostics) -> Vec<IpAddr> {
    let list = root.get("status").and_then(|status| status.get("addresses")).map(|list| list.list());
    let list = list.and_then(|list| notes.take(list, "it has no address")).unwrap_or_default();
    let is_ip =
        |item: &&Field<'_>| matches!(item.value()["type"].as_str(), Some("InternalIP" | "ExternalIP"));
    let items = list.iter().filter(is_ip).filter_map(|item| item.get("address"));
    workload::addresses(items.collect(), notes)
}

fn pod_cidrs(root: &Field<'_>, notes: &mut Diagnostics) -> Vec<IpNet> {
    let spec = root.get("spec");
    spec.map(|spec| networks(&spec, "podCIDRs", "it has no Pod network", notes)).unwrap_or_default()
}

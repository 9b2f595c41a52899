//! The networks of the cluster: as the Mesh states them, or learnt from ServiceCIDRs, Nodes and Pods.

use super::build::*;
use crate::{Index, Work};
use heddle_model::fact::{Mesh, Node, ServiceCidr, Workload};
use heddle_model::snapshot::Key;
use heddle_model::{AddressKey, Event, Fact, Snapshot};

fn mesh(networks: &[&str]) -> (&'static str, Fact) {
    let networks = networks.iter().map(|net| net.parse().unwrap()).collect();
    ("Mesh default", Fact::Mesh(Mesh { networks, ..Mesh::default() }))
}

fn node(addresses: &[&str], cidrs: &[&str]) -> Fact {
    Fact::Node(Node {
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        pod_cidrs: cidrs.iter().map(|text| text.parse().unwrap()).collect(),
        ..Node::default()
    })
}

fn services(cidrs: &[&str]) -> (&'static str, Fact) {
    let cidrs = cidrs.iter().map(|text| text.parse().unwrap()).collect();
    ("ServiceCIDR kubernetes", Fact::ServiceCidr(ServiceCidr { cidrs }))
}

fn host_pod(address: &str) -> Fact {
    Fact::Workload(Workload { host_network: true, ..workload("agent", address) })
}

/// Every network, as `network source`, shared ones with a `*`.
fn print(snapshot: &Snapshot) -> Vec<String> {
    let networks = snapshot.networks.iter();
    networks
        .map(|(network, of)| format!("{network}{} {}", if of.shared { "*" } else { "" }, of.source))
        .collect()
}

#[track_caller]
fn check(objects: impl IntoIterator<Item = (&'static str, Fact)>, want: &[&str]) -> Snapshot {
    let snapshot = snapshot(objects);
    assert_eq!(print(&snapshot), want);
    snapshot
}

#[test]
fn networks_that_the_mesh_leaves_out_are_learnt() {
    check(
        [
            services(&["10.96.0.0/16"]),
            ("Node n1", node(&["192.168.0.1"], &["10.1.0.0/24"])),
            ("Pod shop/in", pod("in", "10.1.0.1")),
            ("Pod shop/out", pod("out", "10.2.0.1")),
            ("Pod shop/agent", host_pod("192.168.0.1")),
            ("ExternalWorkload shop/vm", pod("vm", "10.3.0.1")),
        ],
        &["10.1.0.0/24 Node n1", "10.2.0.1/32 Pod shop/out", "10.96.0.0/16 ServiceCIDR kubernetes"],
    );
}

#[test]
fn networks_that_the_mesh_states_are_those() {
    check(
        [
            mesh(&["10.0.0.0/16"]),
            services(&["10.96.0.0/16"]),
            ("Node n1", node(&["192.168.0.1"], &["10.1.0.0/24"])),
            ("Pod shop/in", pod("in", "10.0.0.1")),
            ("Pod shop/out", pod("out", "10.1.0.1")),
        ],
        &["10.0.0.0/16 Mesh default", "10.1.0.1/32 Pod shop/out"],
    );
}

#[test]
fn a_network_that_holds_a_node_is_shared_and_what_is_learnt_within_counts_too() {
    let objects = [
        mesh(&["10.0.0.0/8"]),
        services(&["10.96.0.0/16"]),
        ("Node n1", node(&[], &["10.1.0.0/24"])),
        ("Pod shop/in", pod("in", "10.1.0.1")),
        ("Pod shop/out", pod("out", "10.2.0.1")),
    ];
    check(objects.clone(), &["10.0.0.0/8 Mesh default"]);
    let shared = [
        "10.0.0.0/8* Mesh default",
        "10.1.0.0/24 Node n1",
        "10.2.0.1/32 Pod shop/out",
        "10.96.0.0/16 ServiceCIDR kubernetes",
    ];
    check(objects.clone().into_iter().chain([("Node n2", node(&["10.9.0.7"], &[]))]), &shared);
    check(objects.into_iter().chain([("Pod shop/agent", host_pod("10.9.0.7"))]), &shared);
}

#[test]
fn the_mesh_says_which_pods_no_network_holds_and_what_to_set() {
    let condition = |objects: Vec<(&'static str, Fact)>| {
        let all = snapshot(objects);
        let report = all.reports.get(&source("Mesh default")).expect("the Mesh has a report");
        let conditions = &report.subjects[0].conditions;
        let found = conditions.iter().find(|condition| condition.kind == "NetworksKnown");
        found.map(|found| format!("{} {}", found.reason, found.message))
    };
    let outside = vec![
        mesh(&[]),
        services(&["10.96.0.0/16"]),
        ("Pod shop/a", pod("a", "10.2.0.1")),
        ("Pod shop/b", pod("b", "10.2.0.7")),
    ];
    assert_eq!(
        condition(outside.clone()).as_deref(),
        Some(
            "PodsOutside no network of Pods holds 2 Pods such as Pod shop/a at 10.2.0.1, so each \
             proxy is told of the address of each of them: set spec.networks to [\"10.2.0.0/29\", \"10.96.0.0/16\"]"
        )
    );
    let beside_a_node = outside.into_iter().chain([("Node n1", node(&["10.2.0.3"], &[]))]).collect();
    let text = condition(beside_a_node).unwrap_or_default();
    assert!(text.ends_with("no network holds them that holds no Node"), "{text}");
    let wide = vec![mesh(&["10.0.0.0/8"]), ("Node n1", node(&["10.9.0.7"], &[]))];
    let text = condition(wide).unwrap_or_default();
    assert!(text.contains("spec.networks[0] 10.0.0.0/8 holds 10.9.0.7 of Node n1"), "{text}");
    assert_eq!(condition(vec![mesh(&["10.0.0.0/8"]), ("Pod shop/a", pod("a", "10.2.0.1"))]), None);
}

#[test]
fn a_node_that_joins_changes_its_own_network_alone() {
    let mut index = Index::new();
    index.apply(set("ServiceCIDR kubernetes", services(&["10.96.0.0/16"]).1));
    for number in 0..200 {
        let cidr = format!("10.1.{number}.0/24");
        index.apply(set(&format!("Node n{number}"), node(&[&format!("192.168.0.{number}")], &[&cidr])));
        index.apply(set(&format!("Pod shop/p{number}"), pod("p", &format!("10.1.{number}.1"))));
    }
    index.resolve();
    let before = index.work();
    index.apply(set("Node new", node(&["192.168.0.201"], &["10.1.201.0/24"])));
    let network = |text: &str| Key::Network(text.parse().unwrap());
    let address = |text: &str| Key::Address(AddressKey::of_mesh(text.parse().unwrap()));
    assert_eq!(index.resolve(), [network("10.1.201.0/24"), address("192.168.0.201")].into());
    assert_eq!(index.work(), Work { networks: before.networks + 2, ..before });
    index.apply(Event::Delete(source("Node n7")));
    let gone = [network("10.1.7.0/24"), network("10.1.7.1/32"), address("192.168.0.7")];
    assert_eq!(index.resolve(), gone.into());
    assert_eq!(index.work(), Work { networks: before.networks + 5, ..before });
}

//! Owners of addresses, and the report of an ExternalWorkload about one that it does not own.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

use super::build::*;
use crate::Index;
use heddle_model::fact::{Mesh, Node, Service, ServiceForm, Slice, Workload};
use heddle_model::{Event, Fact, Kind, ServiceKey, Snapshot};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// `address owner`, one per address.
fn print(snapshot: &Snapshot) -> Vec<String> {
    snapshot.addresses.iter().map(|(key, owner)| format!("{key} {owner}")).collect()
}

#[track_caller]
fn check(objects: impl IntoIterator<Item = (&'static str, Fact)>, want: &[&str]) -> Snapshot {
    let snapshot = snapshot(objects);
    assert_eq!(print(&snapshot), want);
    snapshot
}

#[test]
fn a_pod_owns_before_a_service_before_what_is_claimed_by_hand_and_then_the_first_by_key() {
    let at = |ip| pod("web", ip);
    check(
        [
            ("Service shop/b", service("web", "10.0.0.1")),
            ("Service shop/a", service("web", "10.0.0.1")),
            ("Pod bank/p", at("10.0.0.2")),
            ("Service aaa/a", service("web", "10.0.0.2")),
            ("Pod shop/p", at("10.0.0.3")),
            ("Pod bank/p2", at("10.0.0.3")),
            ("ExternalWorkload aaa/x", at("10.0.0.3")),
            ("ExternalWorkload aaa/z", at("10.0.0.1")),
        ],
        &["10.0.0.1 Service shop/a", "10.0.0.2 Pod bank/p", "10.0.0.3 Pod bank/p2"],
    );
}

fn aged(fact: Fact, created: i64) -> Fact {
    match fact {
        Fact::Workload(workload) => Fact::Workload(Workload { created: Some(created), ..workload }),
        Fact::Service(service) => Fact::Service(Service { created: Some(created), ..service }),
        Fact::Slice(slice) => Fact::Slice(Slice { created: Some(created), ..slice }),
        other => other,
    }
}

#[test]
fn of_two_services_the_older_owns_a_virtual_ip() {
    check(
        [
            ("Service aaa/late", aged(service("web", "10.0.0.1"), 20)),
            ("Service shop/early", aged(service("web", "10.0.0.1"), 10)),
        ],
        &["10.0.0.1 Service shop/early"],
    );
}

#[test]
fn the_pod_that_runs_now_owns_an_address_that_was_used_before() {
    let deleting = |fact| match fact {
        Fact::Workload(workload) => Fact::Workload(Workload { deleting: true, ..workload }),
        other => other,
    };
    check(
        [
            ("Pod shop/a-old", aged(pod("old", "10.0.0.1"), 10)),
            ("Pod shop/b-new", aged(pod("new", "10.0.0.1"), 20)),
            ("Pod shop/c-deleted", deleting(aged(pod("deleted", "10.0.0.1"), 30))),
            ("Pod shop/d-alone", deleting(pod("alone", "10.0.0.2"))),
        ],
        &["10.0.0.1 Pod shop/b-new", "10.0.0.2 Pod shop/d-alone"],
    );
}

/// A Mesh that grants networks to namespaces.
fn granting(grants: &[(&str, &str)]) -> (&'static str, Fact) {
    let grant = |(to, cidr): &(&str, &str)| ((*to).into(), vec![cidr.parse().unwrap()]);
    let address_grants = grants.iter().map(grant).collect();
    ("Mesh default", Fact::Mesh(Mesh { address_grants, ..Mesh::default() }))
}

#[test]
fn what_is_claimed_by_hand_is_each_namespaces_own_unless_the_mesh_grants_it() {
    let vm = |created| aged(pod("vm", "10.9.0.1"), created);
    let objects = || [("ExternalWorkload a/vm", vm(20)), ("ExternalWorkload b/vm", vm(10))];
    check(objects(), &["10.9.0.1 for a ExternalWorkload a/vm", "10.9.0.1 for b ExternalWorkload b/vm"]);
    let with = |grants: &[(&str, &str)]| objects().into_iter().chain([granting(grants)]);
    check(with(&[("a", "10.9.0.0/16")]), &["10.9.0.1 ExternalWorkload a/vm"]);
    check(with(&[("a", "10.9.0.0/16"), ("b", "10.9.0.1/32")]), &["10.9.0.1 ExternalWorkload b/vm"]);
    check(
        with(&[("a", "10.8.0.0/16"), ("c", "10.9.0.0/16")]),
        &["10.9.0.1 for a ExternalWorkload a/vm", "10.9.0.1 for b ExternalWorkload b/vm"],
    );
}

#[test]
fn a_grant_never_takes_an_address_from_what_lives_there() {
    let node = Fact::Node(Node { addresses: vec!["10.0.0.3".parse().unwrap()], ..Node::default() });
    let api = Slice {
        service: Some(ServiceKey::new("default", "kubernetes")),
        ports: vec![("https".into(), 6443)],
        endpoints: vec![endpoint("10.0.0.4", None)],
        created: Some(1),
    };
    let thief = |ip| aged(pod("thief", ip), 0);
    check(
        [
            granting(&[("evil", "0.0.0.0/0")]),
            ("Pod shop/web", aged(pod("web", "10.0.0.1"), 9)),
            ("Service shop/web", aged(service("web", "10.0.0.2"), 9)),
            ("Node n1", node),
            ("EndpointSlice default/kubernetes", Fact::Slice(api)),
            ("ExternalWorkload evil/1", thief("10.0.0.1")),
            ("ExternalWorkload evil/2", thief("10.0.0.2")),
            ("ExternalWorkload evil/3", thief("10.0.0.3")),
            ("ExternalWorkload evil/4", thief("10.0.0.4")),
        ],
        &[
            "10.0.0.1 Pod shop/web",
            "10.0.0.2 Service shop/web",
            "10.0.0.3 Node n1",
            "10.0.0.4 the API server",
        ],
    );
}

#[test]
fn endpoints_without_a_pod_claim_their_address_for_headless_services_only() {
    let headless = |created| {
        let service = Service { form: ServiceForm::Headless, ..virtual_service("db", "10.1.0.1") };
        aged(Fact::Service(service), created)
    };
    let listed = || slice("db", vec![endpoint("10.9.0.1", None), endpoint("10.9.0.2", Some("db-0"))]);
    let check = |service: Fact, want: &[&str]| {
        check([("Service shop/db", service), ("EndpointSlice shop/db-1", listed())], want);
    };
    check(headless(1), &["10.9.0.1 for shop Service shop/db"]);
    check(service("db", "10.1.0.1"), &["10.1.0.1 Service shop/db"]);
}

#[test]
fn an_external_workload_says_how_far_it_reaches_and_which_grant_is_missing() {
    let reach = |grants: &[(&str, &str)]| {
        let vm = ("ExternalWorkload shop/vm", pod("vm", "10.9.0.1"));
        let snapshot = snapshot([vm, granting(grants)]);
        let report = snapshot.reports.get(&source("ExternalWorkload shop/vm")).unwrap();
        let conditions = report.subjects[0].conditions.iter();
        let found = conditions.clone().find(|condition| condition.kind == "Reach").unwrap();
        format!("{} {}: {}", found.holds, found.reason, found.message)
    };
    assert_eq!(reach(&[("shop", "10.9.0.0/24")]), "true Mesh: ");
    assert_eq!(
        reach(&[]),
        "false OwnNamespace: 10.9.0.1: known to clients of namespace shop only; for all clients, spec.addressGrants of the Mesh needs {namespace: shop, cidrs: [\"10.9.0.1/32\"]}"
    );
    assert_eq!(
        reach(&[("shop", "10.8.0.0/16")]),
        "false OwnNamespace: 10.9.0.1: known to clients of namespace shop only; for all clients, spec.addressGrants of the Mesh needs {namespace: shop, cidrs: [\"10.8.0.0/16\", \"10.9.0.1/32\"]}"
    );
}

#[test]
fn a_virtual_ip_that_another_service_owns_is_not_the_services() {
    let snapshot = check(
        [("Service shop/b", service("web", "10.1.0.1")), ("Service shop/a", service("web", "10.1.0.1"))],
        &["10.1.0.1 Service shop/a"],
    );
    let service = snapshot.services.get(&heddle_model::ServiceKey::new("shop", "b")).unwrap();
    assert_eq!(service.form, ServiceForm::Virtual(vec![]));
    let found = snapshot.diagnostics.get(&source("Service shop/b")).unwrap();
    assert_eq!(found[0].reason, "ForeignAddress");
    assert_eq!(found[0].message, "10.1.0.1 belongs to Service shop/a: it leads there");
}

#[test]
fn a_workload_that_has_ended_owns_nothing() {
    let ended = Workload { ended: true, ..workload("web", "10.0.0.1") };
    let snapshot = check([("Pod shop/web-0", Fact::Workload(ended))], &[]);
    assert!(snapshot.workloads.is_empty());
}

#[test]
fn an_external_workload_with_another_namespaces_address_is_refused_it_and_told() {
    let both = Workload {
        addresses: vec!["10.0.0.1".parse().unwrap(), "10.9.0.1".parse().unwrap()],
        ..workload("vm", "10.0.0.1")
    };
    let snapshot = check(
        [("Pod bank/vault", pod("vault", "10.0.0.1")), ("ExternalWorkload shop/vm", Fact::Workload(both))],
        &["10.0.0.1 Pod bank/vault", "10.9.0.1 for shop ExternalWorkload shop/vm"],
    );
    let key = heddle_model::WorkloadKey::new(heddle_model::WorkloadKind::External, "shop", "vm");
    let own: [IpAddr; 1] = ["10.9.0.1".parse().unwrap()];
    assert_eq!(snapshot.workloads.get(&key).unwrap().addresses, own);
    let report = snapshot.reports.get(&source("ExternalWorkload shop/vm")).unwrap();
    let accepted = &report.subjects[0].conditions[0];
    assert_eq!((accepted.kind, accepted.holds, accepted.reason), ("Accepted", false, "ForeignAddress"));
    assert_eq!(accepted.message, "10.0.0.1 belongs to Pod bank/vault of another namespace: refused");
}

#[test]
fn an_external_workload_without_an_identity_is_told() {
    let nobody = Workload { identity: None, ..workload("vm", "10.9.0.1") };
    let snapshot = snapshot([("ExternalWorkload shop/vm", Fact::Workload(nobody))]);
    let report = snapshot.reports.get(&source("ExternalWorkload shop/vm")).unwrap();
    let accepted = &report.subjects[0].conditions[0];
    assert_eq!(accepted.reason, "InvalidIdentity");
    assert_eq!(accepted.message, "no identity: it gets no certificate and no configuration");
}

#[test]
fn an_index_is_complete_when_every_kind_was_listed() {
    let mut index = Index::new();
    for kind in Kind::ALL {
        assert!(index.complete().is_err_and(|missing| missing.contains(&kind)));
        index.apply(Event::Replace(kind, Vec::new()));
    }
    assert_eq!(index.complete(), Ok(()));
}

#[test]
fn what_decides_nothing_is_kept_without_a_change() {
    let mut index = index([("Pod shop/web-0", pod("web", "10.0.0.1"))]);
    let mut edited = lowered("Pod shop/web-0", pod("web", "10.0.0.1"));
    edited.meta.generation = 4;
    index.apply(Event::Set(Box::new(edited)));
    assert_eq!(index.resolve(), BTreeSet::new());
    assert_eq!(index.meta(&source("Pod shop/web-0")).map(|meta| meta.generation), Some(4));
    index.apply(Event::Replace(Kind::Pod, Vec::new()));
    index.resolve();
    assert_eq!(index.meta(&source("Pod shop/web-0")), None);
    assert!(index.snapshot().workloads.is_empty());
}

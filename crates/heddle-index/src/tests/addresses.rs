//! Who owns an address, and what an ExternalWorkload is told of one that it does not.

use super::build::*;
use crate::Index;
use heddle_model::fact::{ServiceForm, Workload};
use heddle_model::{Event, Fact, Kind, Snapshot};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// `address owner`, one per address.
fn print(snapshot: &Snapshot) -> Vec<String> {
    snapshot
        .addresses
        .iter()
        .map(|(address, owner)| format!("{address} {}", crate::address::describe(owner)))
        .collect()
}

#[track_caller]
fn check(objects: impl IntoIterator<Item = (&'static str, Fact)>, want: &[&str]) -> Snapshot {
    let snapshot = snapshot(objects);
    assert_eq!(print(&snapshot), want);
    snapshot
}

#[test]
fn a_service_owns_before_a_pod_before_an_external_workload_and_then_the_first_by_key() {
    let at = |ip| pod("web", ip);
    check(
        [
            ("Service shop/b", service("web", "10.0.0.1")),
            ("Service shop/a", service("web", "10.0.0.1")),
            ("Pod bank/p", at("10.0.0.1")),
            ("Pod shop/p", at("10.0.0.2")),
            ("Pod bank/p2", at("10.0.0.2")),
            ("ExternalWorkload aaa/x", at("10.0.0.2")),
            ("ExternalWorkload aaa/y", at("fd00::1")),
        ],
        &["10.0.0.1 Service shop/a", "10.0.0.2 Pod bank/p2", "fd00::1 ExternalWorkload aaa/y"],
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
    let told = snapshot.diagnostics.get(&source("Service shop/b")).unwrap();
    assert_eq!(told[0].reason, "ForeignAddress");
    assert_eq!(told[0].message, "10.1.0.1 belongs to Service shop/a: it leads there");
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
        &["10.0.0.1 Pod bank/vault", "10.9.0.1 ExternalWorkload shop/vm"],
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

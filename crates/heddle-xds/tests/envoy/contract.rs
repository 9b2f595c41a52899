//! The crate's promises, held on every scenario.

use crate::view::{View, clients, scenarios, snapshot};
use heddle_model::Snapshot;
use heddle_model::snapshot::Key;
use heddle_testkit::difference;
use heddle_xds::{Capture, Client, Group, ResourceKey, names, project, touched};
use std::collections::{BTreeMap, BTreeSet};

fn groups(snapshots: &[&Snapshot]) -> BTreeSet<Group> {
    let clients: BTreeSet<Client> = snapshots.iter().flat_map(|snapshot| clients(snapshot)).collect();
    let groups_of = |snapshot: &&Snapshot| {
        let snapshot: &Snapshot = snapshot;
        clients.iter().flat_map(|client| client.groups(snapshot)).collect::<Vec<_>>()
    };
    snapshots.iter().flat_map(groups_of).collect()
}

fn bodies(group: &Group, snapshot: &Snapshot) -> BTreeMap<ResourceKey, heddle_xds::Resource> {
    names(group, snapshot)
        .into_iter()
        .map(|key| (key.clone(), project(group, &key, snapshot).expect("a name is of something")))
        .collect()
}

#[test]
fn what_a_resource_needs_is_in_every_view_that_has_it() {
    for (scenario, text) in scenarios() {
        let snapshot = snapshot(&text);
        for client in clients(&snapshot) {
            let View(all) = View::of(&client, &snapshot);
            for (key, resource) in &all {
                for need in &resource.needs {
                    assert!(all.contains_key(need), "{scenario}: {key:?} of {client:?} needs {need:?}");
                }
            }
        }
    }
}

#[test]
fn a_change_touches_whatever_it_changes() {
    let all = scenarios();
    for pair in all.windows(2) {
        let [(from, old), (to, new)] = pair else { continue };
        let (old, new) = (snapshot(old), snapshot(new));
        for (from, to, old, new) in [(from, to, &old, &new), (to, from, &new, &old)] {
            let keys = difference(old, new);
            for group in groups(&[old, new]) {
                let (before, after) = (bodies(&group, old), bodies(&group, new));
                let changed =
                    before.keys().chain(after.keys()).filter(|key| before.get(key) != after.get(key));
                let named: BTreeSet<_> = keys.iter().flat_map(|key| touched(&group, key, old, new)).collect();
                for key in changed {
                    assert!(named.contains(key), "{from} -> {to}: {key:?} of {group:?} changed unseen");
                }
            }
        }
    }
}

/// However many others there are: a Pod in the mesh's networks is its addresses, its identity and its exceptions.
#[test]
fn a_workload_that_comes_or_goes_touches_its_own_resources_alone() {
    let (_, text) =
        scenarios().into_iter().find(|(name, _)| name == "direct-undeclared").expect("it is there");
    let whole = snapshot(&text);
    let group = Group::Capture(Capture::Captured);
    for key in whole.workloads.keys() {
        let mut without = whole.clone();
        without.workloads.remove(key);
        let named = touched(&group, &Key::Workload(key.clone()), &without, &whole);
        assert!(named.len() <= 3, "{key}: {named:?}");
        assert!(!named.iter().any(|key| key.name.as_str() == "outbound"), "{key}: {named:?}");
    }
}

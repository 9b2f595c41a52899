//! Properties of every client's resources in every scenario.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

use heddle_decide::decide;
use heddle_index::Index;
use heddle_model::server::Requirement;
use heddle_model::{AddressKey, Diagnostic, Fact, Kind, Lowered, Name, Owner, Reach, Snapshot, WorkloadKey};
use heddle_proto::json::Printer;
use heddle_scenario_tests::{INTRUDER, Scenario, all, everywhere, intruder, resolved, resources};
use heddle_testkit::Shuffler;
use heddle_xds::{Capture, Client, Group, Resource, ResourceKey, names, project, touched};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

fn clients(snapshot: &Snapshot) -> impl Iterator<Item = Client> {
    let captures = || [Capture::Captured, Capture::Bound(None)];
    let workloads = snapshot.workloads.keys().cloned().collect::<Vec<WorkloadKey>>().into_iter();
    workloads
        .flat_map(move |workload| captures().map(|capture| Client { workload: workload.clone(), capture }))
}

#[test]
fn every_reference_resolves() {
    let printer = Printer::new();
    for scenario in all() {
        let snapshot = scenario.snapshot();
        for client in clients(&snapshot) {
            let found = resources(&client, &snapshot);
            for (key, resource) in &found {
                for need in &resource.needs {
                    assert!(
                        found.contains_key(need),
                        "{}: {client:?}: {key:?} needs {need:?}",
                        scenario.name
                    );
                }
                let named = references(&printer, &scenario, resource);
                for cluster in named.difference(&clusters(&found)) {
                    assert_eq!(cluster, "heddle/broken", "{}: {client:?}: {key:?}", scenario.name);
                }
            }
        }
    }
}

fn clusters(found: &BTreeMap<ResourceKey, Resource>) -> BTreeSet<String> {
    let clusters = found.keys().filter(|key| key.ty == heddle_xds::ResourceType::Cluster);
    clusters.map(|key| key.name.to_string()).collect()
}

/// The clusters that a message names anywhere, whatever its projection says of its needs.
fn references(printer: &Printer, scenario: &Scenario, resource: &Resource) -> BTreeSet<String> {
    let body = printer.print(&resource.body).unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
    let mut named = BTreeSet::new();
    walk(&body, &mut named);
    named
}

fn walk(value: &serde_json::Value, named: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| walk(item, named)),
        serde_json::Value::Object(fields) => {
            named.extend(fields.get("cluster").and_then(|name| name.as_str()).map(String::from));
            let weighted = fields.get("weighted_clusters").and_then(|all| all["clusters"].as_array());
            let names = weighted.into_iter().flatten().filter_map(|one| one["name"].as_str());
            named.extend(names.map(String::from));
            fields.values().for_each(|value| walk(value, named));
        }
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}

/// Objects of one namespace change, for proxies of other namespaces, only resources named for its own
/// Services and workloads; and what those may call, where their own policies say that it decides.
#[test]
fn another_namespace_changes_only_what_is_named_for_it() {
    for scenario in all() {
        let before = scenario.snapshot();
        let namespaces: BTreeSet<Name> =
            scenario.objects.lowered.iter().map(|one| one.source.namespace.clone()).collect();
        for namespace in namespaces.iter().filter(|namespace| !namespace.is_empty()) {
            let after = resolved(scenario.without(namespace)).snapshot();
            for client in clients(&before).filter(|client| client.workload.namespace != *namespace) {
                let (old, new) = (resources(&client, &before), resources(&client, &after));
                for key in old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)) {
                    assert!(
                        is_named_for(key, namespace)
                            || is_address_of(key, namespace, [&before, &after])
                            || is_contested(&scenario, key)
                            || is_kept(key, namespace, [&before, &after])
                            || gives_way(&scenario, key, namespace)
                            || is_own_claim(&scenario, key, &client.workload.namespace, namespace)
                            || is_granted(&scenario, key, [&client.workload.namespace, namespace]),
                        "{}: {namespace} changes {key:?} of {client:?}",
                        scenario.name
                    );
                }
            }
        }
    }
}

/// The reasons of diagnostics that hang on which data planes a mesh has.
const PLANES_ARE_TOLD: [&str; 2] = ["RequestsUnseen", "RateLimitUnsupported"];

/// A namespace that claims the addresses of all others by hand changes nothing for their clients, and nothing of what
/// they are told, but for what is named for itself.
#[test]
fn nobody_takes_an_address_from_another_namespace() {
    for scenario in all() {
        let before = scenario.snapshot();
        let after = resolved(scenario.with(&intruder(&scenario))).snapshot();
        for client in clients(&before) {
            let (old, new) = (resources(&client, &before), resources(&client, &after));
            for key in old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)) {
                assert!(is_named_for(key, INTRUDER), "{}: {key:?} of {client:?}", scenario.name);
            }
        }
        let others = after.diagnostics.iter().filter(|(source, _)| &*source.namespace != INTRUDER);
        // That a data plane is there at all is told wherever it falls short; the intruder brings both.
        let is_told = |found: &&Diagnostic| !PLANES_ARE_TOLD.contains(&found.reason);
        let others: Vec<_> = others.flat_map(|(_, all)| all.iter()).filter(is_told).collect();
        let known: Vec<_> = before.diagnostics.values().flat_map(|all| all.iter()).filter(is_told).collect();
        assert_eq!(others, known, "{}", scenario.name);
        let externals = before.reports.iter().filter(|(of, _)| of.kind == Kind::ExternalWorkload);
        for (source, report) in externals {
            assert_eq!(after.reports.get(source), Some(report), "{}: {source}", scenario.name);
        }
        for ask in &scenario.requests.requests {
            let decided = |snapshot: &Snapshot| {
                let verdict = decide(snapshot, &ask.request(snapshot).expect("a request"));
                (verdict.destination, verdict.outcome)
            };
            assert_eq!(decided(&after), decided(&before), "{}: {}", scenario.name, ask.name);
        }
    }
}

/// Whatever comes and goes, what is projected anew because it was touched is what a fresh start would have: also where
/// virtual IPs, Pods and hand-made claims have one address.
#[test]
fn what_is_projected_again_ends_as_a_fresh_start() {
    for scenario in all() {
        let mut objects = scenario.objects.clone();
        objects.lowered.extend(intruder(&scenario).lowered);
        let mut index = Index::new();
        let mut old = index.snapshot();
        let mut held: BTreeMap<Group, BTreeMap<ResourceKey, Resource>> = BTreeMap::new();
        let life = Shuffler::new(55).life(&objects);
        for events in life.chunks(life.len().div_ceil(12).max(1)) {
            events.iter().cloned().for_each(|event| index.apply(event));
            let changed = index.resolve();
            let new = index.snapshot();
            for (group, resources) in &mut held {
                for key in changed.iter().flat_map(|key| touched(group, key, &old, &new)) {
                    match project(group, &key, &new) {
                        Some(resource) => resources.insert(key, resource),
                        None => resources.remove(&key),
                    };
                }
            }
            for group in groups_by_address(&new) {
                let fresh = names(&group, &new).into_iter().map(|key| {
                    let resource = project(&group, &key, &new).expect("a name is of something");
                    (key, resource)
                });
                let fresh: BTreeMap<_, _> = fresh.collect();
                let kept = held.entry(group.clone()).or_insert_with(|| fresh.clone());
                for key in kept.keys().chain(fresh.keys()) {
                    assert_eq!(kept.get(key), fresh.get(key), "{}: {key:?} of {group:?}", scenario.name);
                }
            }
            old = new;
        }
    }
}

/// The cluster of a dialled address is made again where a change touches it, and equal where none does.
#[test]
fn what_is_dialled_changes_only_where_it_is_touched() {
    for scenario in all() {
        let mut objects = scenario.objects.clone();
        objects.lowered.extend(intruder(&scenario).lowered);
        let whole = resolved(scenario.with(&intruder(&scenario))).snapshot();
        // What is dialled is alike for all clients of a namespace.
        let captured = clients(&whole).filter(|client| client.capture == Capture::Captured);
        let by_namespace: BTreeMap<Name, Client> =
            captured.map(|client| (client.workload.namespace.clone(), client)).collect();
        let clients: Vec<Client> = by_namespace.into_values().collect();
        let dialled: Vec<BTreeSet<SocketAddr>> =
            clients.iter().map(|client| everywhere(client, &whole)).collect();
        let mut index = Index::new();
        let mut old = index.snapshot();
        let life = Shuffler::new(56).life(&objects);
        for events in life.chunks(life.len().div_ceil(12).max(1)) {
            events.iter().cloned().for_each(|event| index.apply(event));
            let changed = index.resolve();
            let new = index.snapshot();
            for (client, addresses) in clients.iter().zip(&dialled) {
                let at = |snapshot: &Snapshot| {
                    heddle_scenario_tests::dialled(client, snapshot, addresses.iter().copied())
                };
                let (before, after) = (at(&old), at(&new));
                let groups = client.groups(&new);
                let touched: BTreeSet<ResourceKey> = groups
                    .iter()
                    .flat_map(|group| changed.iter().flat_map(|key| touched(group, key, &old, &new)))
                    .collect();
                for key in before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key))
                {
                    let is_touched = |touched: &ResourceKey| match touched.name.strip_suffix('*') {
                        Some(start) => touched.ty == key.ty && key.name.starts_with(start),
                        None => touched == key,
                    };
                    assert!(touched.iter().any(is_touched), "{}: {key:?} of {client:?}", scenario.name);
                }
            }
            old = new;
        }
    }
}

/// The groups in which addresses decide: what stands where.
fn groups_by_address(snapshot: &Snapshot) -> BTreeSet<Group> {
    let captures = [Capture::Captured, Capture::Bound(None)].map(Group::Capture);
    let own = snapshot.workloads.keys().map(|key| Group::OwnAddresses(key.namespace.clone()));
    let namespaces = snapshot.workloads.keys().map(|key| Some(key.namespace.clone()));
    let dual_stack = [None].into_iter().chain(namespaces).map(Group::DualStack);
    captures.into_iter().chain([Group::Captured]).chain(own).chain(dual_stack).collect()
}

/// The capture listener keeps the addresses that no network holds and that count for all clients: of a namespace's own Pods
/// and Services, and what the Mesh grants it.
fn is_kept(key: &ResourceKey, namespace: &Name, snapshots: [&Snapshot; 2]) -> bool {
    let keeps = |snapshot: &Snapshot| {
        let mut owned = snapshot.addresses.iter().filter(|(_, owner)| owner.namespace() == Some(namespace));
        owned.any(|(at, _)| at.reach == Reach::Mesh && snapshot.network_of(at.address).is_none())
    };
    &*key.name == "outbound" && snapshots.into_iter().any(keeps)
}

/// A namespace's own clients dial what the namespace claims, and its capture listener keeps what of that no network holds,
/// unless it is another's.
fn is_own_claim(scenario: &Scenario, key: &ResourceKey, claimant: &Name, to: &Name) -> bool {
    (&*key.name == "outbound" || heddle_xds::is_asked_for(key)) && scenario.loses_to(claimant, to)
}

/// Returns what a namespace claims by hand gives way to what lives there.
fn gives_way(scenario: &Scenario, key: &ResourceKey, to: &Name) -> bool {
    let namespaces: BTreeSet<&Name> =
        scenario.objects.lowered.iter().map(|one| &one.source.namespace).collect();
    let mut claimants = namespaces.into_iter().filter(|namespace| is_named_for(key, namespace));
    claimants.any(|claimant| scenario.loses_to(claimant, to))
}

/// Inbound rules of a namespace that requires another's authentications.
fn is_granted(scenario: &Scenario, key: &ResourceKey, [of, by]: [&Name; 2]) -> bool {
    let requires = |one: &Lowered| match &one.fact {
        Fact::Authorization(authorization) => authorization.requires.iter().any(|one| match one {
            Requirement::Object(object) => object.namespace == *by,
            Requirement::Here(_) => false,
        }),
        _ => false,
    };
    let own = scenario.objects.lowered.iter().filter(|one| one.source.namespace == *of);
    key.name.starts_with("inbound") && own.into_iter().any(requires)
}

fn is_named_for(key: &ResourceKey, namespace: &str) -> bool {
    let name = key.name.strip_prefix("at:").unwrap_or(&key.name);
    let name = ["pod/", "external/", "linkerd-external/"]
        .iter()
        .find_map(|kind| name.strip_prefix(kind))
        .unwrap_or(name);
    name.strip_prefix(namespace).is_some_and(|rest| rest.starts_with('/'))
}

/// The cluster of an address is named for whose the address is.
fn is_address_of(key: &ResourceKey, namespace: &str, snapshots: [&Snapshot; 2]) -> bool {
    let dialled: Option<SocketAddr> = key.name.strip_prefix("at:").and_then(|rest| rest.parse().ok());
    let Some(address) = dialled.map(|dialled| dialled.ip()) else { return false };
    snapshots.into_iter().any(|snapshot| {
        let owner = snapshot.addresses.get(&AddressKey::of_mesh(address));
        owner.and_then(Owner::namespace).is_some_and(|one| one.as_str() == namespace)
    })
}

/// Returns where the Mesh does not name its networks, the listener of everything else lists the addresses that it must
/// not pass on in plain text: it alone follows every namespace. And a route may name another namespace's Service as
/// its backend, which is the route's own choice.
fn is_contested(scenario: &Scenario, key: &ResourceKey) -> bool {
    let mesh = scenario.snapshot().mesh;
    (key.ty == heddle_xds::ResourceType::Listener && &*key.name == "outbound" && mesh.networks.is_empty())
        || key.ty == heddle_xds::ResourceType::Route
}

//! An answer holds until a key changes that it was made from.

use heddle_linkerd::{Projected, ProxyRequest, Subscription, project, topic};
use heddle_model::fact::ServiceForm;
use heddle_model::{Snapshot, WorkloadKey};
use heddle_scenario_tests::{Scenario, all};
use heddle_testkit::Shuffler;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Events between two looks.
const STEP: usize = 4;

#[test]
fn an_answer_holds_until_a_key_of_it_changes() {
    for scenario in all() {
        let topics = topics(&scenario, &scenario.switched(|_| true).snapshot());
        let mut history = Shuffler::new(34).life(&scenario.switched(|_| true).objects);
        let mut index = heddle_index::Index::new();
        let mut old = index.snapshot();
        let mut known: BTreeMap<&Subscription, Projected> =
            topics.iter().map(|topic| (topic, project(topic, &old))).collect();
        while !history.is_empty() {
            let rest = history.split_off(STEP.min(history.len()));
            history.into_iter().for_each(|event| index.apply(event));
            history = rest;
            let changed = index.resolve();
            let new = index.snapshot();
            for (topic, held) in &mut known {
                let now = project(topic, &new);
                let is_changed = changed.iter().any(|key| held.is_changed_by(key));
                assert!(
                    is_changed || now == *held,
                    "{}: {topic:?}\n{:?}\nand none of {changed:?} says so",
                    scenario.name,
                    held.keys,
                );
                *held = now;
            }
            old = new;
        }
    }
}

#[test]
fn equal_questions_of_one_place_have_one_topic() {
    for scenario in all() {
        let snapshot = scenario.snapshot();
        let mut by_place: BTreeMap<_, BTreeSet<Subscription>> = BTreeMap::new();
        for (key, workload) in &snapshot.workloads {
            let place = (&key.namespace, &workload.node, &workload.zone);
            let own: BTreeSet<Subscription> = asks(&scenario, &snapshot)
                .iter()
                .filter(|ask| !matches!(ask, ProxyRequest::Inbound { .. }))
                .filter_map(|ask| topic(ask, key, &snapshot).ok())
                .collect();
            let first = by_place.entry(place).or_insert_with(|| own.clone());
            assert_eq!(*first, own, "{}: {key}", scenario.name);
        }
    }
}

fn topics(scenario: &Scenario, snapshot: &Snapshot) -> BTreeSet<Subscription> {
    let clients = snapshot.workloads.keys();
    let all = clients.flat_map(|client: &WorkloadKey| {
        asks(scenario, snapshot).into_iter().filter_map(move |ask| topic(&ask, client, snapshot).ok())
    });
    all.collect()
}

/// Everything that there is to ask, and what there is not.
fn asks(scenario: &Scenario, snapshot: &Snapshot) -> Vec<ProxyRequest> {
    let mut addresses: BTreeSet<IpAddr> =
        snapshot.workloads.values().flat_map(|workload| workload.addresses.clone()).collect();
    let mut ports = BTreeSet::from([4191, 65_535]);
    let mut asks = Vec::new();
    for service in snapshot.services.values() {
        if let ServiceForm::Virtual(own) = &service.form {
            addresses.extend(own);
        }
        for port in &service.ports {
            ports.insert(port.number);
            let path =
                format!("{}.{}.svc.cluster.local:{}", service.key.name, service.key.namespace, port.number);
            asks.push(ProxyRequest::Endpoints { path: path.clone() });
            asks.push(ProxyRequest::Profile { path: path.clone() });
            asks.push(ProxyRequest::OutboundName { authority: path });
        }
    }
    ports.extend(
        snapshot.workloads.values().flat_map(|workload| workload.inbound.iter().map(|port| port.port)),
    );
    let pairs = addresses.iter().flat_map(|ip| ports.iter().map(|port| SocketAddr::new(*ip, *port)));
    let written = scenario.requests.requests.iter().filter_map(|ask| ask.to.parse().ok());
    for target in pairs.chain(written) {
        asks.push(ProxyRequest::Outbound { target });
        asks.push(ProxyRequest::Profile { path: target.to_string() });
    }
    asks.extend(ports.into_iter().map(|port| ProxyRequest::Inbound { port: port.into() }));
    asks
}

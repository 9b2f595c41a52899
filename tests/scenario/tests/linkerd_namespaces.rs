//! A namespace's objects change, for clients of others, only answers about its own.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

use heddle_linkerd::{ProxyRequest, Subscription, Target, project, topic};
use heddle_model::fact::{Fact, ServiceForm};
use heddle_model::route::Backend;
use heddle_model::server::Requirement;
use heddle_model::snapshot::RouteKey;
use heddle_model::{AddressKey, Name, Owner, ServicePortKey, Snapshot};
use heddle_scenario_tests::{INTRUDER, Scenario, all, intruder, resolved};
use std::collections::BTreeSet;
use std::net::SocketAddr;

#[test]
fn another_namespace_changes_only_answers_about_its_own() {
    for scenario in all().into_iter().map(|scenario| scenario.switched(|_| true)) {
        let before = scenario.snapshot();
        let namespaces = scenario.objects.lowered.iter().map(|one| one.source.namespace.clone());
        for namespace in namespaces.filter(|namespace| !namespace.is_empty()).collect::<BTreeSet<Name>>() {
            let after = resolved(scenario.without(&namespace)).snapshot();
            for topic in topics(&before, &namespace) {
                assert!(
                    project(&topic, &before).answer == project(&topic, &after).answer
                        || [&before, &after].iter().any(|one| is_about(&topic, &namespace, one))
                        || is_granted(&scenario, &topic, &namespace)
                        || gives_way(&scenario, &topic, &namespace, [&before, &after]),
                    "{}: {namespace} changes {topic:?}",
                    scenario.name
                );
            }
        }
    }
}

#[test]
fn nobody_takes_an_address_from_another_namespace() {
    let intruded = Name::from(INTRUDER);
    for scenario in all().into_iter().map(|scenario| scenario.switched(|_| true)) {
        let before = scenario.snapshot();
        let after = resolved(scenario.with(&intruder(&scenario))).snapshot();
        for topic in topics(&before, &intruded) {
            let same = project(&topic, &before).answer == project(&topic, &after).answer;
            assert!(same, "{}: {topic:?}", scenario.name);
        }
    }
}

/// Claims of a namespace give way to what lives there.
fn gives_way(scenario: &Scenario, topic: &Subscription, to: &Name, snapshots: [&Snapshot; 2]) -> bool {
    let namespaces: BTreeSet<&Name> =
        scenario.objects.lowered.iter().map(|one| &one.source.namespace).collect();
    let mut claimants = namespaces.into_iter().filter(|namespace| scenario.loses_to(namespace, to));
    claimants.any(|claimant| snapshots.iter().any(|snapshot| is_about(topic, claimant, snapshot)))
}

/// Returns what workloads of other namespaces ask.
fn topics(snapshot: &Snapshot, namespace: &Name) -> BTreeSet<Subscription> {
    let mut asks = vec![ProxyRequest::Inbound { port: 8080 }, ProxyRequest::Inbound { port: 65_535 }];
    for service in snapshot.services.values() {
        for port in service.ports.iter().map(|port| port.number) {
            asks.push(ProxyRequest::Endpoints {
                path: format!("{}.{}.svc:{port}", service.key.name, service.key.namespace),
            });
            if let ServiceForm::Virtual(own) = &service.form {
                asks.extend(
                    own.iter().map(|ip| ProxyRequest::Outbound { target: SocketAddr::new(*ip, port) }),
                );
            }
        }
    }
    let addresses = snapshot.workloads.values().flat_map(|workload| &workload.addresses);
    asks.extend(addresses.map(|ip| ProxyRequest::Outbound { target: SocketAddr::new(*ip, 8080) }));
    let clients = snapshot.workloads.keys().filter(|key| key.namespace != *namespace);
    clients.flat_map(|key| asks.iter().filter_map(|ask| topic(ask, key, snapshot).ok())).collect()
}

fn is_about(topic: &Subscription, namespace: &Name, snapshot: &Snapshot) -> bool {
    match topic {
        Subscription::Endpoints { port, family: _, place: _ }
        | Subscription::Profile(Target::Service(port)) => port.service.namespace == *namespace,
        Subscription::Inbound { workload, port: _ } => workload.namespace == *namespace,
        Subscription::Outbound { namespace: client, target: Target::Service(port) } => {
            is_led_to(port, client, namespace, snapshot)
        }
        Subscription::Profile(Target::Address(at))
        | Subscription::Outbound { namespace: _, target: Target::Address(at) } => {
            match (snapshot.addresses.get(&AddressKey::of_mesh(at.ip())), topic) {
                (Some(Owner::Workload(key)), _) => key.namespace == *namespace,
                (Some(owner @ Owner::Endpoints(_)), _) => owner.namespace() == Some(namespace),
                (Some(Owner::Service(key)), Subscription::Outbound { namespace: client, .. }) => {
                    let port = ServicePortKey { service: key.clone(), port: at.port() };
                    is_led_to(&port, client, namespace, snapshot)
                }
                (Some(Owner::Service(key)), _) => key.namespace == *namespace,
                (Some(Owner::Node(_) | Owner::ApiServer) | None, _) => false,
            }
        }
    }
}

/// The Service's own namespace, or one that its routes lead to.
fn is_led_to(port: &ServicePortKey, client: &Name, namespace: &Name, snapshot: &Snapshot) -> bool {
    let tables = [Some(client.clone()), None].map(|consumer| RouteKey { port: port.clone(), consumer });
    let entries = tables.iter().filter_map(|key| snapshot.routes.get(key)).flat_map(|table| &table.entries);
    let backends =
        entries.flat_map(|entry| &entry.rule.backends).filter_map(|backend| match &backend.backend {
            Backend::Service { port, families: _ } => Some(port.service.namespace.clone()),
            Backend::Broken { .. } => None,
        });
    port.service.namespace == *namespace || backends.into_iter().any(|backend| backend == *namespace)
}

/// A namespace may require another's authentications.
fn is_granted(scenario: &Scenario, topic: &Subscription, by: &Name) -> bool {
    let Subscription::Inbound { workload, port: _ } = topic else { return false };
    let own = scenario.objects.lowered.iter().filter(|one| one.source.namespace == workload.namespace);
    own.into_iter().any(|one| match &one.fact {
        Fact::Authorization(authorization) => authorization.requires.iter().any(|one| match one {
            Requirement::Object(object) => object.namespace == *by,
            Requirement::Here(_) => false,
        }),
        _ => false,
    })
}

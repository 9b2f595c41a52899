//! What a namespace holds changes, for clients of others, only answers about its own.

use heddle_linkerd::{Ask, Target, Topic, project, topic};
use heddle_model::fact::{Fact, ServiceForm};
use heddle_model::route::Backend;
use heddle_model::server::Requirement;
use heddle_model::snapshot::{Owner, RouteKey};
use heddle_model::{Event, Kind, Lowered, Name, ServicePortKey, Snapshot};
use heddle_scenario_tests::{Scenario, all, resolved};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Where a namespace claims addresses that are another's.
const CONTESTED: [&str; 2] = ["external-workload-foreign", "foreign-slice"];

#[test]
fn another_namespace_changes_only_answers_about_its_own() {
    let told = all().into_iter().filter(|scenario| !CONTESTED.contains(&scenario.name.as_str()));
    for scenario in told.map(|scenario| scenario.switched(|_| true)) {
        let before = scenario.snapshot();
        let namespaces = scenario.objects.lowered.iter().map(|one| one.source.namespace.clone());
        for namespace in namespaces.filter(|of| !of.is_empty()).collect::<BTreeSet<Name>>() {
            let after = resolved(without(&scenario, &namespace)).snapshot();
            for topic in topics(&before, &namespace) {
                assert!(
                    project(&topic, &before).answer == project(&topic, &after).answer
                        || [&before, &after].iter().any(|of| is_about(&topic, &namespace, of))
                        || is_granted(&scenario, &topic, &namespace),
                    "{}: {namespace} changes {topic:?}",
                    scenario.name
                );
            }
        }
    }
}

/// The same objects, but nothing that lives in this namespace.
fn without(scenario: &Scenario, namespace: &Name) -> Vec<Event> {
    let others = |kind: Kind| -> Vec<Lowered> {
        scenario.objects.of(kind).into_iter().filter(|one| one.source.namespace != *namespace).collect()
    };
    Kind::ALL.into_iter().map(|kind| Event::Replace(kind, others(kind))).collect()
}

/// What workloads of other namespaces ask.
fn topics(snapshot: &Snapshot, namespace: &Name) -> BTreeSet<Topic> {
    let mut asks = vec![Ask::Inbound { port: 8080 }, Ask::Inbound { port: 65_535 }];
    for service in snapshot.services.values() {
        for port in service.ports.iter().map(|port| port.number) {
            asks.push(Ask::Endpoints {
                path: format!("{}.{}.svc:{port}", service.key.name, service.key.namespace),
            });
            if let ServiceForm::Virtual(own) = &service.form {
                asks.extend(own.iter().map(|ip| Ask::Outbound { target: SocketAddr::new(*ip, port) }));
            }
        }
    }
    let addresses = snapshot.workloads.values().flat_map(|of| &of.addresses);
    asks.extend(addresses.map(|ip| Ask::Outbound { target: SocketAddr::new(*ip, 8080) }));
    let clients = snapshot.workloads.keys().filter(|key| key.namespace != *namespace);
    clients.flat_map(|key| asks.iter().filter_map(|ask| topic(ask, key, snapshot).ok())).collect()
}

fn is_about(topic: &Topic, namespace: &Name, snapshot: &Snapshot) -> bool {
    match topic {
        Topic::Endpoints { port, family: _, place: _ } | Topic::Profile(Target::Service(port)) => {
            port.service.namespace == *namespace
        }
        Topic::Inbound { workload, port: _ } => workload.namespace == *namespace,
        Topic::Outbound { namespace: client, target: Target::Service(port) } => {
            is_led_to(port, client, namespace, snapshot)
        }
        Topic::Profile(Target::Address(at))
        | Topic::Outbound { namespace: _, target: Target::Address(at) } => {
            match (snapshot.addresses.get(&at.ip()), topic) {
                (Some(Owner::Workload(key)), _) => key.namespace == *namespace,
                (Some(Owner::Service(key)), Topic::Outbound { namespace: client, .. }) => {
                    let port = ServicePortKey { service: key.clone(), port: at.port() };
                    is_led_to(&port, client, namespace, snapshot)
                }
                (Some(Owner::Service(key)), _) => key.namespace == *namespace,
                (None, _) => false,
            }
        }
    }
}

/// The Service's own namespace, or one that its routes lead to.
fn is_led_to(port: &ServicePortKey, client: &Name, namespace: &Name, snapshot: &Snapshot) -> bool {
    let tables = [Some(client.clone()), None].map(|consumer| RouteKey { port: port.clone(), consumer });
    let entries = tables.iter().filter_map(|key| snapshot.routes.get(key)).flat_map(|table| &table.entries);
    let backends = entries.flat_map(|entry| &entry.rule.backends).filter_map(|of| match &of.backend {
        Backend::Service { port, families: _ } => Some(port.service.namespace.clone()),
        Backend::Broken { reason: _ } => None,
    });
    port.service.namespace == *namespace || backends.into_iter().any(|of| of == *namespace)
}

/// A namespace may require another's authentications.
fn is_granted(scenario: &Scenario, topic: &Topic, by: &Name) -> bool {
    let Topic::Inbound { workload, port: _ } = topic else { return false };
    let own = scenario.objects.lowered.iter().filter(|one| one.source.namespace == workload.namespace);
    own.into_iter().any(|one| match &one.fact {
        Fact::Authorization(authorization) => authorization.requires.iter().any(|one| match one {
            Requirement::Object(object) => object.namespace == *by,
            Requirement::Here(_) => false,
        }),
        _ => false,
    })
}

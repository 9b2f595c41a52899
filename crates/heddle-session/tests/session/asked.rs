//! A client that is given what it asks for, as it dials it.

use crate::stream::{Stream, list, show, to, two};
use crate::world::{Thing, World};
use heddle_session::{Request, ResourceType, Response, Variant, View};

/// A client that asked for everything and is given nothing unasked.
fn stream() -> Stream {
    let mut stream = Stream::new(Variant::Delta, &[(0, to(&[0, 1])), (1, to(&[1])), (2, to(&[2]))]);
    for service in [0, 1, 2] {
        stream.change(service, |service| service.route = Some(1));
    }
    stream.world.on_demand = true;
    for ty in [ResourceType::Cluster, ResourceType::Listener] {
        let sent = stream.ask(ty, &["*"]);
        stream.ack_all(sent);
    }
    assert_eq!(stream.poll(), "");
    stream
}

/// Answers everything until nothing is sent any more. Returns what was.
fn take_in(stream: &mut Stream, mut sent: Vec<Response>) -> Vec<String> {
    let mut sent_all = Vec::new();
    while !sent.is_empty() {
        sent_all.push(show(&sent));
        let mut next = Vec::new();
        for response in sent {
            for thing in response.resources.iter().map(Thing::read) {
                for (ty, name) in thing.needs.iter().filter(|(ty, _)| !ty.is_root()) {
                    next.extend(stream.ask(*ty, &[name.as_str()]));
                }
            }
            stream.ack(&response);
            next.extend(stream.respond());
        }
        sent = next;
    }
    sent_all
}

#[test]
fn what_is_asked_for_comes_with_all_that_it_needs_and_when_that_serves() {
    let mut stream = stream();
    let sent = stream.ask(ResourceType::Cluster, &["at:s0"]);
    assert_eq!(show(&sent), "CDS s0 s1; LDS s0");
    let sent_all = take_in(&mut stream, sent);
    assert_eq!(sent_all.last().map(String::as_str), Some("CDS at:s0"), "{sent_all:?}");
    assert_eq!(sent_all.iter().filter(|sent_all| sent_all.contains("at:")).count(), 1, "{sent_all:?}");
    assert!(sent_all.iter().any(|sent_all| sent_all.contains("RDS s0")), "{sent_all:?}");
    assert!(!sent_all.iter().any(|sent_all| sent_all.contains("s2")), "{sent_all:?}");
}

#[test]
fn nothing_is_sent_of_what_was_not_asked_for() {
    let mut stream = stream();
    let sent = stream.ask(ResourceType::Cluster, &["at:s0"]);
    take_in(&mut stream, sent);
    stream.change(2, |service| service.cluster = 9);
    stream.change(7, |_| {});
    assert_eq!(stream.poll(), "");
    stream.world.floor = u64::MAX;
    stream.change(7, |service| service.listener = 9);
    assert_eq!(stream.poll(), "");
    stream.change(0, |service| service.route = Some(2));
    assert_eq!(stream.poll(), "RDS s0");
}

#[test]
fn a_route_that_leads_elsewhere_brings_what_it_needs_and_lets_go_of_the_rest() {
    let mut stream = stream();
    let sent = stream.ask(ResourceType::Cluster, &["at:s0"]);
    take_in(&mut stream, sent);
    stream.change(0, |service| service.backends = [0, 2].into());
    let sent = stream.respond();
    assert_eq!(show(&sent), "CDS s2");
    let sent_all = take_in(&mut stream, sent);
    assert_eq!(sent_all.last().map(String::as_str), Some("CDS -s1"), "{sent_all:?}");
}

#[test]
fn nobody_stands_for_what_does_not_exist_until_it_does() {
    let mut stream = stream();
    let sent = stream.ask(ResourceType::Cluster, &["at:s7"]);
    assert_eq!(show(&sent), "CDS at:s7");
    take_in(&mut stream, sent);
    stream.change(7, |_| {});
    let sent = stream.respond();
    let sent_all = take_in(&mut stream, sent);
    assert_eq!(sent_all.last().map(String::as_str), Some("CDS at:s7"), "{sent_all:?}");
    stream.world.set(|all| drop(all.remove(&7)));
    let sent = stream.respond();
    assert_eq!(Thing::read(&sent[0].resources[0]).name.as_str(), "at:s7");
    let sent_all = take_in(&mut stream, sent).join("; ");
    assert!(sent_all.contains("-s7") && !sent_all.contains("-at:s7"), "{sent_all}");
}

#[test]
fn only_so_many_stand_for_what_does_not_exist() {
    let mut stream = stream();
    let names: Vec<String> = (10..90).map(|number| format!("at:s{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut counts = (0, 0);
    for name in names {
        let sent = stream.ask(ResourceType::Cluster, &[name]);
        counts = (counts.0 + sent[0].resources.len(), counts.1 + sent[0].removed.len());
        stream.ack_all(sent);
    }
    assert_eq!(counts, (64, 16));
}

#[test]
fn a_client_that_comes_back_keeps_what_it_asked_for_before() {
    let mut first = stream();
    let sent = first.ask(ResourceType::Cluster, &["at:s0"]);
    take_in(&mut first, sent);
    let versions = |world: &World, ty: ResourceType, names: &[&str]| {
        let names = list(names).into_iter();
        names
            .filter_map(|name| Some((name.clone(), world.get(ty, &name)?)))
            .map(|(name, held)| (name, heddle_session::Resource::version(&held).to_string()))
            .collect()
    };
    // Its clusters warm: it asks for listeners first.
    for clusters_first in [true, false] {
        let mut again = Stream::new(Variant::Delta, &two());
        again.world = first.world.clone();
        let listeners = Request {
            subscribe: list(&["*"]),
            versions: versions(&again.world, ResourceType::Listener, &["s0"]),
            ..Request::new(ResourceType::Listener)
        };
        let clusters = Request {
            subscribe: list(&["*", "at:s0"]),
            versions: versions(&again.world, ResourceType::Cluster, &["s0", "s1", "at:s0"]),
            ..Request::new(ResourceType::Cluster)
        };
        let order = if clusters_first { [clusters, listeners] } else { [listeners, clusters] };
        for request in order {
            again.receive(request);
            assert_eq!(again.poll(), "", "{clusters_first}");
        }
        // What it does not hold any more is taken away.
        again.world.set(|all| drop(all.remove(&0)));
        assert!(again.poll().contains("LDS -s0"));
    }
}

#[test]
fn what_a_client_uses_comes_before_it_asks() {
    let mut stream = stream();
    stream.world.used = vec![0];
    stream.change(7, |_| {});
    let sent = stream.respond();
    assert_eq!(show(&sent), "CDS s0 s1; LDS s0");
    take_in(&mut stream, sent);
    let sent = stream.ask(ResourceType::Cluster, &["at:s0"]);
    assert_eq!(show(&sent), "CDS at:s0");
    take_in(&mut stream, sent);
    stream.world.used = Vec::new();
    stream.change(7, |service| service.cluster = 3);
    assert_eq!(stream.poll(), "", "it asked for it itself");
}

#[test]
fn a_client_that_was_given_everything_keeps_clusters_for_the_connections_of_listeners_that_go() {
    let mut stream = Stream::settled(&two());
    stream.world.on_demand = true;
    stream.world.floor = u64::MAX;
    stream.change(0, |service| service.endpoints = 5);
    let mut sent_all = Vec::new();
    let mut sent = stream.respond();
    while !sent.is_empty() {
        sent_all.push(show(&sent));
        sent = sent
            .iter()
            .flat_map(|response| {
                stream.ack(response);
                stream.respond()
            })
            .collect();
    }
    assert_eq!(sent_all, ["EDS s0; LDS -s0 -s1"]);
    stream.world.set(|all| drop(all.remove(&0)));
    assert_eq!(stream.poll(), "CDS -s0");
}

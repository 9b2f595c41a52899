//! Each rule by itself, with the client's part written out.

use crate::link::Link;
use crate::stream::{Stream, list, show, to, two};
use crate::world::{Service, Shared, Thing, World, name};
use heddle_session::{Limits, Notice, Request, ResourceType, Response, Session, Variant, View};

#[test]
fn a_new_wildcard_is_answered_even_if_there_is_nothing() {
    let mut stream = Stream::new(Variant::Delta, &[]);
    assert_eq!(show(&stream.ask(ResourceType::Cluster, &[])), "CDS");
    assert_eq!(show(&stream.ask(ResourceType::Listener, &["*"])), "LDS");
    assert_eq!(show(&stream.ask(ResourceType::Endpoint, &[])), "");
    assert_eq!(stream.poll(), "");
}

#[test]
fn one_response_of_a_type_is_under_way_and_the_newest_state_wins() {
    let mut stream = Stream::new(Variant::Delta, &two());
    let first = stream.ask(ResourceType::Cluster, &[]);
    assert_eq!(show(&first), "CDS s0 s1");
    stream.change(2, |_| {});
    stream.change(2, |service| service.cluster = 7);
    assert_eq!(stream.poll(), "");
    stream.ack(&first[0]);
    let second = stream.respond();
    assert_eq!(show(&second), "CDS s2");
    assert_eq!(Thing::read(&second[0].resources[0]).data, 7);
}

#[test]
fn a_response_without_an_answer_stops_holding_back_after_patience() {
    let mut stream = Stream::new(Variant::Delta, &two());
    stream.ask(ResourceType::Cluster, &[]);
    stream.change(2, |_| {});
    assert_eq!(stream.poll(), "");
    assert_eq!(stream.session.deadline(), Some(5000));
    stream.now = 4999;
    assert_eq!(stream.poll(), "");
    stream.now = 5000;
    assert_eq!(stream.poll(), "CDS s2");
    assert_eq!(stream.session.deadline(), None);
}

#[test]
fn an_equal_state_sends_nothing() {
    let mut stream = Stream::settled(&two());
    stream.change(0, |_| {});
    assert_eq!(stream.poll(), "");
    stream.world.floor = u64::MAX;
    stream.change(0, |_| {});
    assert_eq!(stream.poll(), "");
}

#[test]
fn a_client_that_names_its_versions_is_sent_what_differs() {
    let mut stream = Stream::new(Variant::Delta, &two());
    let versions = |world: &World, ty: ResourceType| {
        let names = world.names(ty).into_iter();
        names
            .map(|name| (name.clone(), world.thing(ty, &name).expect("listed").version().to_string()))
            .collect()
    };
    for (ty, names) in [
        (ResourceType::Cluster, &[][..]),
        (ResourceType::Endpoint, &["s0", "s1"]),
        (ResourceType::Listener, &[]),
    ] {
        let request =
            Request { subscribe: list(names), versions: versions(&stream.world, ty), ..Request::new(ty) };
        stream.receive(request);
        assert_eq!(stream.poll(), "", "{ty:?}");
    }
    let mut held = versions(&stream.world, ResourceType::Route);
    held.insert(name(0), "of another".to_string());
    stream.receive(Request {
        subscribe: list(&["s0", "s1"]),
        versions: held,
        ..Request::new(ResourceType::Route)
    });
    assert_eq!(stream.poll(), "RDS s0");
}

#[test]
fn a_client_that_comes_back_is_told_what_has_gone() {
    let mut stream = Stream::new(Variant::Delta, &[(0, to(&[0]))]);
    let gone = || [(name(9), "0".repeat(32))].into();
    stream.receive(Request { versions: gone(), ..Request::new(ResourceType::Listener) });
    assert_eq!(stream.poll(), "LDS s0 -s9");
}

#[test]
fn a_cluster_that_has_gone_stays_until_a_client_that_comes_back_has_named_its_routes() {
    let mut stream = Stream::new(Variant::Delta, &[]);
    let gone = || [(name(9), "0".repeat(32))].into();
    stream.receive(Request { versions: gone(), ..Request::new(ResourceType::Cluster) });
    assert_eq!(stream.poll(), "");
    assert_eq!(stream.session.deadline(), Some(5000));
    stream.receive(Request { versions: gone(), ..Request::new(ResourceType::Listener) });
    let listeners = stream.respond();
    assert_eq!(show(&listeners), "LDS -s9");
    stream.ack(&listeners[0]);
    assert_eq!(stream.poll(), "", "routes were not named yet");
    stream.now = 5000;
    assert_eq!(stream.poll(), "CDS -s9", "a client without routes names none");
}

#[test]
fn a_changed_cluster_is_followed_by_its_endpoints() {
    let mut stream = Stream::settled(&two());
    stream.change(0, |service| service.cluster = 1);
    assert_eq!(stream.poll(), "CDS s0; EDS s0");
}

#[test]
fn endpoints_follow_a_cluster_that_changed_while_the_client_was_away() {
    let mut stream = Stream::new(Variant::Delta, &[(0, to(&[]))]);
    let endpoints = stream.world.get(ResourceType::Endpoint, &name(0)).expect("there");
    let versions = |text: String| [(name(0), text)].into();
    stream.receive(Request { versions: versions("old".to_string()), ..Request::new(ResourceType::Cluster) });
    assert_eq!(stream.poll(), "CDS s0");
    let versions = versions(heddle_session::Resource::version(&endpoints).to_string());
    stream.receive(Request { subscribe: list(&["s0"]), versions, ..Request::new(ResourceType::Endpoint) });
    assert_eq!(stream.poll(), "EDS s0");
}

#[test]
fn endpoints_asked_for_before_clusters_are_sent_whatever_the_client_holds() {
    let mut stream = Stream::new(Variant::Delta, &[(0, to(&[]))]);
    let version = stream.world.thing(ResourceType::Endpoint, &name(0)).expect("there").version().to_string();
    let versions = [(name(0), version)].into();
    stream.receive(Request { subscribe: list(&["s0"]), versions, ..Request::new(ResourceType::Endpoint) });
    assert_eq!(stream.poll(), "EDS s0");
}

#[test]
fn endpoints_are_not_held_back_by_unanswered_clusters() {
    let mut stream = Stream::new(Variant::Delta, &two());
    assert_eq!(show(&stream.ask(ResourceType::Cluster, &[])), "CDS s0 s1");
    assert_eq!(show(&stream.ask(ResourceType::Endpoint, &["s0", "s1"])), "EDS s0 s1");
}

#[test]
fn endpoints_wait_while_the_change_of_their_cluster_is_not_sent() {
    let mut stream = Stream::settled(&two());
    stream.change(1, |service| service.cluster = 1);
    let unanswered = stream.respond();
    assert_eq!(show(&unanswered), "CDS s1; EDS s1");
    stream.ack(&unanswered[1]);
    stream.change(0, |service| (service.cluster, service.endpoints) = (1, 16));
    assert_eq!(stream.poll(), "");
    stream.ack(&unanswered[0]);
    assert_eq!(stream.poll(), "CDS s0; EDS s0");
}

#[test]
fn a_route_waits_until_its_clusters_are_acknowledged() {
    let mut stream = Stream::settled(&[(0, to(&[0]))]);
    stream.world.set(|all| {
        all.insert(1, to(&[]));
        all.insert(0, to(&[1]));
    });
    let clusters = stream.respond();
    assert_eq!(show(&clusters), "CDS s1; LDS s1");
    let endpoints = stream.ask(ResourceType::Endpoint, &["s1"]);
    assert_eq!(show(&endpoints), "EDS s1");
    stream.ack(&clusters[0]);
    assert_eq!(stream.poll(), "RDS s0");
}

#[test]
fn a_route_waits_no_longer_than_patience() {
    let mut stream = Stream::settled(&[(0, to(&[0]))]);
    stream.world.set(|all| {
        all.insert(1, to(&[]));
        all.insert(0, to(&[1]));
    });
    assert_eq!(stream.poll(), "CDS s1; LDS s1");
    assert_eq!(stream.session.deadline(), Some(5000));
    stream.now = 5000;
    assert_eq!(stream.poll(), "RDS s0");
}

#[test]
fn a_cluster_goes_after_everything_that_referred_to_it() {
    let mut stream = Stream::settled(&[(0, to(&[0])), (1, to(&[0]))]);
    stream.world.set(|all| drop(all.remove(&0)));
    let users = stream.respond();
    assert_eq!(show(&users), "LDS -s0; RDS s1");
    stream.ack(&users[0]);
    assert_eq!(stream.poll(), "");
    stream.ack(&users[1]);
    assert_eq!(stream.poll(), "CDS -s0");
}

#[test]
fn listeners_that_change_places_go_together() {
    let tcp = |backend| Service { route: None, ..to(&[backend]) };
    let mut stream = Stream::settled(&[(0, tcp(0))]);
    stream.world.set(|all| {
        all.remove(&0);
        all.insert(1, tcp(1));
    });
    let clusters = stream.respond();
    assert_eq!(show(&clusters), "CDS s1", "the old listener stays until the new one may come");
    stream.ack(&clusters[0]);
    assert_eq!(stream.poll(), "LDS s1 -s0");
}

#[test]
fn what_is_held_by_name_is_not_emptied_when_it_goes() {
    let mut stream = Stream::settled(&two());
    stream.world.set(|all| drop(all.remove(&0)));
    let sent = stream.respond();
    assert_eq!(show(&sent), "LDS -s0");
    stream.ack(&sent[0]);
    let sent = stream.respond();
    assert_eq!(show(&sent), "CDS -s0");
    stream.receive(Request { unsubscribe: list(&["s0"]), ..Request::new(ResourceType::Endpoint) });
    stream.ack(&sent[0]);
    assert_eq!(stream.poll(), "");
}

#[test]
fn a_name_that_does_not_exist_is_answered() {
    let mut stream = Stream::new(Variant::Delta, &[]);
    let sent = stream.ask(ResourceType::Endpoint, &["no"]);
    assert_eq!(show(&sent), "EDS -no");
    let sent = stream.ask(ResourceType::Route, &["no"]);
    assert_eq!(show(&sent), "RDS no", "Envoy waits for ever for a route that was removed");
    assert_eq!(Thing::read(&sent[0].resources[0]).data, 255);

    let mut stream = Stream::new(Variant::Sotw, &[]);
    assert_eq!(show(&stream.ask(ResourceType::Endpoint, &["no"])), "EDS no");
    assert_eq!(show(&stream.ask(ResourceType::Listener, &["no"])), "LDS");
}

#[test]
fn a_name_that_comes_to_exist_is_sent() {
    let mut stream = Stream::new(Variant::Delta, &[]);
    let sent = stream.ask(ResourceType::Endpoint, &["s3"]);
    stream.ack_all(sent);
    stream.change(3, |_| {});
    stream.now = 5000;
    assert_eq!(stream.poll(), "EDS s3");
}

#[test]
fn a_name_that_is_asked_for_again_is_answered_again() {
    let mut stream = Stream::settled(&two());
    assert_eq!(show(&stream.ask(ResourceType::Route, &["s0"])), "RDS s0");
}

#[test]
fn a_name_that_is_let_go_is_not_sent() {
    let mut stream = Stream::settled(&two());
    stream.receive(Request { unsubscribe: list(&["s0"]), ..Request::new(ResourceType::Route) });
    stream.change(0, |service| service.route = Some(9));
    stream.change(1, |service| service.route = Some(9));
    assert_eq!(stream.poll(), "RDS s1");
}

#[test]
fn a_stale_nonce_answers_nothing() {
    let mut stream = Stream::new(Variant::Delta, &two());
    let sent = stream.ask(ResourceType::Cluster, &[]);
    for nonce in ["0", "77", "not ours", "-1"] {
        let stale = Response { nonce: nonce.to_string(), ..sent[0].clone() };
        assert_eq!(stream.ack(&stale), [], "{nonce}");
        assert_eq!(stream.nack(&stale, "s0: bad"), [], "{nonce}");
    }
    let acked = Notice::Acked { ty: ResourceType::Cluster, sequence: 1, sent: 0 };
    assert_eq!(stream.ack(&sent[0]), [acked]);
    assert_eq!(stream.ack(&sent[0]), [], "twice");
}

#[test]
fn a_sotw_list_with_a_nonce_that_is_not_ours_is_ignored() {
    let mut stream = Stream::new(Variant::Sotw, &two());
    let sent = stream.ask(ResourceType::Route, &["s0"]);
    assert_eq!(show(&sent), "RDS s0");
    let listed = |nonce: &str, names: &[&str]| Request {
        nonce: nonce.to_string(),
        subscribe: list(names),
        ..Request::new(ResourceType::Route)
    };
    stream.receive(listed("1", &["s0"]));
    stream.receive(listed("99", &["s1"]));
    assert_eq!(stream.poll(), "");
    stream.receive(listed("1", &["s1"]));
    assert_eq!(stream.poll(), "RDS s1");
}

#[test]
fn a_sotw_list_that_crossed_a_response_counts() {
    let mut stream = Stream::new(Variant::Sotw, &two());
    let listed = |nonce: &str, names: &[&str]| Request {
        nonce: nonce.to_string(),
        subscribe: list(names),
        ..Request::new(ResourceType::Route)
    };
    let sent = stream.ask(ResourceType::Route, &["s0", "s1"]);
    stream.receive(listed(&sent[0].nonce, &["s0", "s1"]));
    stream.change(1, |service| service.route = Some(8));
    let crossing = stream.respond();
    assert_eq!(show(&crossing), "RDS s1");
    stream.receive(listed(&sent[0].nonce, &["s1"]));
    stream.receive(listed(&sent[0].nonce, &["s0", "s1"]));
    stream.receive(listed(&crossing[0].nonce, &["s0", "s1"]));
    assert_eq!(stream.poll(), "RDS s0", "it was let go and asked for again");
}

#[test]
fn a_sotw_root_is_always_the_complete_set() {
    let mut stream = Stream::new(Variant::Sotw, &two());
    let sent = stream.ask(ResourceType::Cluster, &[]);
    stream.ack(&sent[0]);
    stream.change(2, |_| {});
    let sent = stream.respond();
    assert_eq!(show(&sent), "CDS s0 s1 s2");
    stream.ack(&sent[0]);
    stream.world.set(|all| drop(all.remove(&1)));
    assert_eq!(stream.poll(), "CDS s0 s2");
}

#[test]
fn a_sotw_client_by_name_is_sent_those_names() {
    let mut stream = Stream::new(Variant::Sotw, &two());
    assert_eq!(show(&stream.ask(ResourceType::Listener, &["s1"])), "LDS s1");
    assert_eq!(
        show(&stream.ask(ResourceType::Route, &["s1"])),
        "RDS s1",
        "clusters come after routes for gRPC"
    );
    assert_eq!(show(&stream.ask(ResourceType::Cluster, &["s1"])), "CDS s1");
}

#[test]
fn equal_responses_are_called_alike_on_every_replica() {
    let version =
        |variant: Variant| Stream::new(variant, &two()).ask(ResourceType::Cluster, &[])[0].version.clone();
    assert_eq!(version(Variant::Delta), version(Variant::Delta));
    assert_eq!(version(Variant::Delta), version(Variant::Sotw));
}

#[test]
fn a_client_that_asks_for_too_much_is_refused() {
    let limits = Limits { names_per_request: 3, own_bytes: 520, name_bytes: 8, ..Limits::default() };
    let mut session: Session<Shared> = Session::new(Variant::Delta, limits);
    let mut check = |names: &[&str], want: Result<(), &str>| {
        let got = session.receive(Request { subscribe: list(names), ..Request::new(ResourceType::Route) });
        assert_eq!(got.map(drop).map_err(|e| e.to_string()), want.map_err(str::to_string));
    };
    check(&["a", "b", "c"], Ok(()));
    check(&["a", "b", "c", "d"], Err("a request names 4 resources, want at most 3"));
    check(&["nine byte"], Err("a resource name has 9 bytes, want at most 8"));
    check(&["d", "e"], Err("a client names 645 bytes of resources, want at most 520"));
}

#[test]
fn names_of_a_wildcard_that_come_and_go_leave_nothing() {
    let limits = Limits { own_bytes: 150, ..Limits::default() };
    let mut session: Session<Shared> = Session::new(Variant::Delta, limits);
    session.receive(Request::new(ResourceType::Listener)).expect("nothing named");
    for id in 0..1000 {
        let subscribe = list(&[&format!("no{id}")]);
        let unsubscribe = subscribe.clone();
        session.receive(Request { subscribe, ..Request::new(ResourceType::Listener) }).expect("one name");
        session.poll(0, &World::default());
        session.receive(Request { unsubscribe, ..Request::new(ResourceType::Listener) }).expect("no name");
    }
}

#[test]
fn what_there_is_costs_a_client_nothing_of_its_own() {
    let services: Vec<(u8, Service)> = (0..100).map(|id| (id, to(&[id]))).collect();
    let world = World::of(&services);
    for variant in [Variant::Delta, Variant::Sotw] {
        let mut link = Link::new(variant, world.clone());
        link.settle();
        assert_eq!(link.session.own_bytes(), 0, "{variant:?}");
    }
    let mut session: Session<Shared> = Session::new(Variant::Delta, Limits::default());
    let missing = ["missing-1".to_string(), "missing-2".to_string()];
    let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
    session
        .receive(Request { subscribe: list(&missing), ..Request::new(ResourceType::Cluster) })
        .expect("two names");
    session.poll(0, &world);
    let kept = session.own_bytes();
    assert!((2 * 9..1024).contains(&kept), "{kept}");
    session
        .receive(Request { unsubscribe: list(&missing), ..Request::new(ResourceType::Cluster) })
        .expect("no name");
    assert_eq!(session.own_bytes(), 0);
}

#[test]
fn progress_says_when_a_client_holds_everything() {
    let mut stream = Stream::settled(&two());
    let settled = |stream: &Stream| {
        stream.session.progress().iter().map(|progress| progress.settled).collect::<Vec<_>>()
    };
    assert_eq!(settled(&stream), [Some(1); 4]);
    stream.change(0, |service| service.route = Some(3));
    let sent = stream.respond();
    assert_eq!(settled(&stream), [Some(2), Some(2), Some(2), Some(1)]);
    stream.ack(&sent[0]);
    stream.poll();
    assert_eq!(settled(&stream), [Some(2); 4]);
}

#[test]
fn a_whole_mesh_reaches_a_client_in_one_response_of_each_type() {
    let services: Vec<(u8, Service)> = (0..200).map(|id| (id, to(&[id]))).collect();
    for variant in [Variant::Delta, Variant::Sotw] {
        let mut link = Link::new(variant, World::of(&services));
        link.settle();
        link.check();
        assert_eq!((link.notices.len(), link.waits), (4, 0), "{variant:?}");
    }
}

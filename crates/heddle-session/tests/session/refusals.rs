//! The consequences of a refusal, with the client's part written out.

use crate::stream::{Stream, list, show, to, two};
use crate::world::{Thing, name};
use heddle_session::{Limits, Notice, Request, ResourceType, Response, Session, Variant};

#[test]
fn a_refused_cluster_is_named_and_kept_from_the_client() {
    let mut stream = Stream::new(Variant::Delta, &two());
    let sent = stream.ask(ResourceType::Cluster, &[]);
    let notices = stream.nack(&sent[0], "Error adding/updating cluster(s) s1: no such socket");
    let version = stream.world.thing(ResourceType::Cluster, &name(1)).expect("there").version();
    let text = "Error adding/updating cluster(s) s1: no such socket".to_string();
    let want = [
        Notice::Nacked { ty: ResourceType::Cluster, text: text.clone(), suspects: vec![(name(1), version)] },
        Notice::Quarantined { ty: ResourceType::Cluster, name: name(1), version, text: text.clone() },
    ];
    assert_eq!(notices, want);
    assert_eq!(stream.poll(), "");
    let progress = &stream.session.progress()[0];
    assert_eq!((progress.held, progress.refused.len()), (1, 1));
    assert_eq!((progress.refused[0].name.as_str(), &*progress.refused[0].text), ("s1", &*text));
    stream.change(1, |service| service.cluster = 5);
    assert_eq!(stream.poll(), "CDS s1", "it changed");
    assert_eq!(stream.session.progress()[0].refused, []);
}

#[test]
fn a_refusal_that_names_nothing_is_resolved_one_by_one() {
    let mut stream = Stream::settled(&[(0, to(&[])), (1, to(&[])), (2, to(&[]))]);
    for id in 0..3 {
        stream.change(id, |service| service.route = Some(8));
    }
    let sent = stream.respond();
    assert_eq!(show(&sent), "RDS s0 s1 s2");
    let notices = stream.nack(&sent[0], "no");
    assert!(matches!(&notices[..], [Notice::Nacked { suspects, .. }] if suspects.len() == 3), "{notices:?}");
    let sent = stream.respond();
    assert_eq!(show(&sent), "RDS s0");
    stream.ack(&sent[0]);
    let sent = stream.respond();
    assert_eq!(show(&sent), "RDS s1");
    let notices = stream.nack(&sent[0], "no");
    assert!(matches!(&notices[1], Notice::Quarantined { name, .. } if name.as_str() == "s1"), "{notices:?}");
    let sent = stream.respond();
    assert_eq!(show(&sent), "RDS s2");
    stream.ack(&sent[0]);
    assert_eq!(stream.poll(), "");
    stream.change(0, |service| service.route = Some(9));
    assert_eq!(stream.poll(), "RDS s0", "only what changed");
}

#[test]
fn a_cluster_stays_while_a_refused_route_keeps_the_old_one_in_use() {
    let mut stream = Stream::settled(&[(0, to(&[1])), (1, to(&[]))]);
    stream.world.set(|all| {
        all.remove(&1);
        all.insert(0, to(&[]));
    });
    let sent = stream.respond();
    assert_eq!(show(&sent), "LDS -s1; RDS s0");
    stream.ack(&sent[0]);
    stream.nack(&sent[1], "no");
    stream.now = 60_000;
    assert_eq!(stream.poll(), "");
    assert_eq!(stream.session.deadline(), None, "nothing that time could change");
    stream.change(0, |service| service.route = Some(4));
    let sent = stream.respond();
    assert_eq!(show(&sent), "RDS s0");
    stream.ack(&sent[0]);
    assert_eq!(stream.poll(), "CDS -s1");
}

#[test]
fn endpoints_that_were_refused_do_not_leave_their_changed_cluster_waiting() {
    let mut stream = Stream::settled(&[(0, to(&[]))]);
    stream.change(0, |service| service.endpoints = 1);
    let sent = stream.respond();
    stream.nack(&sent[0], "no");
    assert_eq!(stream.poll(), "");
    stream.change(0, |service| service.cluster = 1);
    let sent = stream.respond();
    assert_eq!(show(&sent), "CDS s0; EDS s0");
    assert_eq!(Thing::read(&sent[1].resources[0]).data, 0, "what it held before");
}

#[test]
fn the_text_of_a_refusal_is_cut() {
    let mut stream = Stream::new(Variant::Delta, &[(0, to(&[]))]);
    let sent = stream.ask(ResourceType::Cluster, &[]);
    let notices = stream.nack(&sent[0], &"é".repeat(100_000));
    assert!(
        matches!(&notices[0], Notice::Nacked { text, .. } if text.starts_with(&"é".repeat(512)) && text.len() < 1100),
        "{notices:?}"
    );
}

#[test]
fn what_was_refused_and_let_go_on_the_way_is_not_sent_again() {
    let let_go = || Request { unsubscribe: list(&["s0"]), ..Request::new(ResourceType::Route) };
    let ask_again = || Request { subscribe: list(&["s0"]), ..Request::new(ResourceType::Route) };
    for asked_first in [true, false] {
        let mut stream = Stream::settled(&two());
        stream.change(0, |service| service.route = Some(8));
        let sent = stream.respond();
        assert_eq!(show(&sent), "RDS s0");
        stream.receive(let_go());
        if asked_first {
            stream.receive(ask_again());
            assert_eq!(stream.poll(), "");
        }
        let notices = stream.nack(&sent[0], "no");
        assert!(matches!(&notices[..], [_, Notice::Quarantined { .. }]), "{notices:?}");
        if !asked_first {
            stream.receive(ask_again());
        }
        let sent = stream.respond();
        assert_eq!(show(&sent), "RDS s0");
        assert_eq!(Thing::read(&sent[0].resources[0]).data, 255, "something that ends its wait");
        stream.ack(&sent[0]);
        assert_eq!(stream.poll(), "");
        stream.change(0, |service| service.route = Some(9));
        assert_eq!(stream.poll(), "RDS s0", "it changed");
    }
}

#[test]
fn a_refusal_does_not_bring_back_what_was_let_go() {
    let mut stream = Stream::settled(&two());
    stream.change(0, |service| service.route = Some(8));
    let first = stream.respond();
    stream.receive(Request { unsubscribe: list(&["s0"]), ..Request::new(ResourceType::Route) });
    stream.receive(Request { subscribe: list(&["s0"]), ..Request::new(ResourceType::Route) });
    stream.now = 5000;
    let second = stream.respond();
    assert_eq!((show(&first), show(&second)), ("RDS s0".into(), "RDS s0".into()));
    stream.nack(&first[0], "no");
    stream.nack(&second[0], "no");
    assert_eq!(stream.poll(), "");
    stream.change(0, |service| service.route = Some(0));
    assert_eq!(stream.poll(), "RDS s0", "it held this only before it let go");
}

#[test]
fn a_complete_set_that_repeats_what_was_refused_does_not_blame_what_is_new() {
    let mut stream = Stream::new(Variant::Sotw, &two());
    let first = stream.ask(ResourceType::Cluster, &[]);
    stream.change(2, |_| {});
    stream.now = 5000;
    let second = stream.respond();
    assert_eq!((show(&first), show(&second)), ("CDS s0 s1".into(), "CDS s0 s1 s2".into()));
    let text = "Error adding/updating cluster(s) s1: no such socket";
    stream.nack(&first[0], text);
    stream.change(1, |service| service.cluster = 5);
    assert_eq!(stream.poll(), "", "the second is not answered");
    let notices = stream.nack(&second[0], text);
    assert!(matches!(&notices[..], [Notice::Nacked { suspects, .. }] if suspects.is_empty()), "{notices:?}");
    let sent = stream.respond();
    assert_eq!(show(&sent), "CDS s0 s1 s2");
    assert_eq!(stream.session.progress()[0].refused, []);
}

#[test]
fn what_was_refused_is_tried_again_after_it_was_something_else() {
    let mut stream = Stream::settled(&two());
    stream.change(0, |service| service.route = Some(8));
    let sent = stream.respond();
    stream.nack(&sent[0], "no");
    assert_eq!(stream.poll(), "");
    stream.change(0, |service| service.route = Some(0));
    assert_eq!(stream.poll(), "", "it holds this");
    stream.change(0, |service| service.route = Some(8));
    assert_eq!(stream.poll(), "RDS s0");
}

#[test]
fn a_sotw_client_that_refused_what_has_gone_is_told_so() {
    let mut stream = Stream::new(Variant::Sotw, &two());
    let sent = stream.ask(ResourceType::Listener, &[]);
    stream.nack(&sent[0], "Error adding/updating listener(s) s1: no such filter");
    assert_eq!(stream.poll(), "");
    stream.world.set(|all| drop(all.remove(&1)));
    assert_eq!(stream.poll(), "LDS s0", "it may hold an older s1, from a stream before");
}

/// A stream of a client that refused the listener `s1` on the one before and holds `held` of the type.
fn resumed(variant: Variant, held: &[u8]) -> (Stream, Vec<Response>) {
    let mut stream = Stream::new(Variant::Delta, &two());
    let sent = stream.ask(ResourceType::Listener, &[]);
    stream.nack(&sent[0], "Error adding/updating listener(s) s1: no such filter");
    stream.session = Session::resume(variant, Limits::default(), stream.session.refused());
    let version = |id: &u8| {
        stream.world.thing(ResourceType::Listener, &name(*id)).expect("there").version().to_string()
    };
    let versions = held.iter().map(|id| (name(*id), version(id))).collect();
    stream.receive(Request { versions, ..Request::new(ResourceType::Listener) });
    let sent = stream.respond();
    (stream, sent)
}

#[test]
fn what_was_refused_stays_so_on_the_next_stream() {
    let (mut stream, sent) = resumed(Variant::Delta, &[0]);
    assert_eq!(show(&sent), "");
    let progress = &stream.session.progress()[0];
    assert_eq!((progress.held, progress.refused[0].name.as_str()), (1, "s1"));
    stream.change(1, |service| service.listener = 7);
    assert_eq!(stream.poll(), "LDS s1", "it changed");
    assert_eq!(stream.session.refused(), []);
}

#[test]
fn a_client_that_names_nothing_is_sent_what_was_refused_before() {
    let (stream, sent) = resumed(Variant::Delta, &[]);
    assert_eq!(show(&sent), "LDS s0 s1", "a new process");
    assert_eq!(stream.session.refused(), []);
    let (stream, sent) = resumed(Variant::Sotw, &[]);
    assert_eq!(show(&sent), "LDS s0 s1", "else it would take away what it holds in its place");
    assert_eq!(stream.session.refused(), []);
}

#[test]
fn what_a_client_says_it_holds_it_does_not_refuse() {
    let (stream, sent) = resumed(Variant::Delta, &[0, 1]);
    assert_eq!(show(&sent), "");
    assert_eq!(stream.session.refused(), []);
}

#[test]
fn a_refusal_of_the_same_sent_twice_goes_back_to_what_came_between() {
    let mut stream = Stream::settled(&two());
    let mut sent = Vec::new();
    for (at, listener) in [(0, 8), (5000, 1), (10_000, 8)] {
        stream.now = at;
        stream.change(0, |service| service.listener = listener);
        sent.extend(stream.respond());
    }
    assert_eq!(show(&sent), "LDS s0; LDS s0; LDS s0");
    stream.nack(&sent[0], "Error adding/updating listener(s) s0: no such filter");
    stream.ack(&sent[1]);
    stream.nack(&sent[2], "Error adding/updating listener(s) s0: no such filter");
    assert_eq!(stream.poll(), "");
    stream.change(0, |service| service.listener = 1);
    assert_eq!(stream.poll(), "", "it holds this");
}

//! Random histories.

#![allow(clippy::disallowed_methods, reason = "a seed to look for more")]

use crate::link::Link;
use crate::world::{Service, World};
use heddle_session::{ResourceType, Variant};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use std::fmt;

#[derive(Clone)]
enum Op {
    Set(u8, Service),
    Delete(u8),
    Forget,
    Poll,
    ToServer,
    ToClient,
    Reconnect,
    /// For as long as anything is waited for: orders are then given up.
    Wait,
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(id, service) => write!(f, "s{id} = {}", format!("{service:?}").replace('\n', "")),
            Self::Delete(id) => write!(f, "delete s{id}"),
            Self::Forget => f.write_str("forget"),
            Self::Poll => f.write_str("poll"),
            Self::ToServer => f.write_str("to server"),
            Self::ToClient => f.write_str("to client"),
            Self::Reconnect => f.write_str("reconnect"),
            Self::Wait => f.write_str("wait"),
        }
    }
}

fn service(poison: bool) -> impl Strategy<Value = Service> {
    let poisons = if poison {
        prop_oneof![4 => Just(None), 1 => proptest::sample::select(&ResourceType::ALL[..]).prop_map(Some)]
            .boxed()
    } else {
        Just(None).boxed()
    };
    let route = prop_oneof![4 => (0..3u8).prop_map(Some), 1 => Just(None)];
    (0..3u8, 0..16u8, 0..3u8, route, btree_set(0..4u8, 0..3), poisons).prop_map(
        |(cluster, endpoints, listener, route, backends, poison)| Service {
            cluster,
            // The identity that only this cluster, or a later one, knows.
            endpoints: cluster * 16 + endpoints,
            listener,
            route,
            backends,
            poison,
        },
    )
}

fn op(Mix { poison, reconnect, wait }: Mix) -> impl Strategy<Value = Op> {
    let (reconnects, waits) = (u32::from(reconnect), u32::from(wait));
    prop_oneof![
        4 => (0..4u8, service(poison)).prop_map(|(id, service)| Op::Set(id, service)),
        2 => (0..4u8).prop_map(Op::Delete),
        1 => Just(Op::Forget),
        2 => Just(Op::Poll),
        8 => Just(Op::ToServer),
        8 => Just(Op::ToClient),
        reconnects => Just(Op::Reconnect),
        waits => Just(Op::Wait),
    ]
}

fn play(variant: Variant, history: &[Op]) -> Link {
    let mut link = Link::new(variant, World::default());
    for op in history {
        match op.clone() {
            Op::Set(id, service) => link.world.set(|all| drop(all.insert(id, service))),
            Op::Delete(id) => link.world.set(|all| drop(all.remove(&id))),
            Op::Forget => link.world.floor = u64::MAX,
            Op::Poll => link.poll(),
            Op::ToServer => drop(link.deliver_request()),
            Op::ToClient => drop(link.deliver_response()),
            Op::Reconnect => link.reconnect(),
            Op::Wait => link.wait(),
        }
    }
    link.settle();
    link.check();
    link
}

/// An equal state, published again and compared whole, sends nothing.
fn check_silence(link: &mut Link) {
    let received = link.envoy.received;
    link.world.floor = u64::MAX;
    link.world.set(|_| {});
    link.settle();
    assert_eq!(link.envoy.received, received, "an equal state was sent");
}

/// The seed of every run, so that a change is what makes a difference.
const USUAL: u64 = 2;
/// Seeds that failed once, two of each fault: they are run for ever. 1, 26: a refused route was let go and asked for
/// again. 18, 138: a complete set repeated what was refused. 92, 164: it changed, and changed back, unsent. 198: a
/// list crossed a response. 45: a cluster was kept for a listener that was never held.
const FAILED: &[u64] = &[1, 18, 26, 45, 92, 138, 164, 198];
/// The same with broken streams. 1: what a client held before its stream may need a cluster. 58: what was refused has
/// gone, but a state-of-the-world client held an older one. 105: a cluster stays refused when an older one serves.
const FAILED_ON_STREAMS: &[u64] = &[1, 58, 105];
/// The same with responses that overlap. 23: the refusal of a response was taken for that of a later one with the same.
/// 57: nobody can know what is held in place of what was refused together and then replaced.
const FAILED_SLOWLY: &[u64] = &[23, 57];

/// The events of a history beside changes.
#[derive(Clone, Copy)]
struct Mix {
    poison: bool,
    reconnect: bool,
    wait: bool,
}

const PLAIN: Mix = Mix { poison: false, reconnect: false, wait: false };
const POISON: Mix = Mix { poison: true, reconnect: false, wait: false };
const RECONNECT: Mix = Mix { poison: false, reconnect: true, wait: false };
const SLOW: Mix = Mix { poison: true, reconnect: false, wait: true };
const BOTH: Mix = Mix { poison: true, reconnect: true, wait: false };

/// Runs `check` on the histories of the usual seed and of `more`, or on those of HEDDLE_SEED alone.
#[track_caller]
fn explore(mix: Mix, more: &[u64], check: impl Fn(Vec<Op>)) {
    let named = std::env::var("HEDDLE_SEED").ok().map(|seed| seed.parse().expect("HEDDLE_SEED is a number"));
    let seeds = named.map_or_else(|| [&[USUAL], more].concat(), |seed: u64| vec![seed]);
    for seed in seeds {
        let config = ProptestConfig {
            cases: 300,
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(seed),
            ..ProptestConfig::default()
        };
        let histories = vec(op(mix), 0..60);
        let run = TestRunner::new(config).run(&histories, |history| {
            check(history);
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("HEDDLE_SEED={seed}: {error}"));
    }
}

#[test]
fn a_delta_client_ends_with_what_there_is() {
    explore(PLAIN, &[], |history| {
        let mut link = play(Variant::Delta, &history);
        assert_eq!(link.waits, 0, "an order was kept by the clock");
        check_silence(&mut link);
    });
}

#[test]
fn a_sotw_client_ends_with_what_there_is() {
    explore(PLAIN, &[], |history| {
        let mut link = play(Variant::Sotw, &history);
        assert_eq!(link.waits, 0, "an order was kept by the clock");
        check_silence(&mut link);
    });
}

#[test]
fn a_client_that_reconnects_ends_with_what_there_is() {
    explore(RECONNECT, &[], |history| {
        let mut link = play(Variant::Delta, &history);
        check_silence(&mut link);
        let received = link.envoy.received;
        link.reconnect();
        link.settle();
        assert_eq!(link.envoy.received, received, "a client that has everything was sent something");
    });
}

#[test]
fn a_sotw_client_that_reconnects_ends_with_what_there_is() {
    explore(RECONNECT, &[], |history| check_silence(&mut play(Variant::Sotw, &history)));
}

#[test]
fn a_bad_resource_hurts_no_other() {
    explore(POISON, FAILED, |history| {
        check_silence(&mut play(Variant::Delta, &history));
        check_silence(&mut play(Variant::Sotw, &history));
    });
}

#[test]
fn a_bad_resource_hurts_no_other_on_any_stream() {
    explore(BOTH, FAILED_ON_STREAMS, |history| {
        let mut link = play(Variant::Delta, &history);
        check_silence(&mut link);
        link.reconnect();
        link.settle();
        link.check();
        check_silence(&mut play(Variant::Sotw, &history));
    });
}

#[test]
fn a_bad_resource_hurts_no_other_of_a_slow_client() {
    explore(SLOW, FAILED_SLOWLY, |history| {
        check_silence(&mut play(Variant::Delta, &history));
        check_silence(&mut play(Variant::Sotw, &history));
    });
}

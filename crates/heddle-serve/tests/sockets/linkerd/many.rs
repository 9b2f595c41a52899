//! Many streams: what each costs, and who is woken.

use super::client::{Heard, WEB};
use crate::world::World;
use futures::future::join_all;
use heddle_serve::limits::Limits;
use linkerd2_proxy_api::destination::Update;

/// Streams of one workload over several connections, each told its first state. `path` says what the nth asks for.
async fn open(
    world: &World,
    connections: usize,
    each: usize,
    path: impl Fn(usize) -> String,
) -> Vec<Heard<Update>> {
    let mut streams = Vec::with_capacity(connections * each);
    for connection in 0..connections {
        let proxy = world.proxy("web", WEB).await;
        let asked = (0..each).map(|nth| path(connection * each + nth)).map(|path| {
            let proxy = proxy.clone();
            async move {
                let mut stream = proxy.get(&path).await.unwrap();
                stream.hear().await;
                stream
            }
        });
        streams.extend(join_all(asked).await);
    }
    streams
}

#[tokio::test]
async fn one_change_is_projected_and_encoded_once_and_wakes_only_who_follows_it() {
    let world = World::start().await;
    let mut changed = open(&world, 10, 100, |_| "a:80".into()).await;
    let mut others = open(&world, 2, 100, |_| "b:80".into()).await;
    let before = world.mesh.work();
    assert_eq!((before.topics, before.projections, before.editions), (2, 2, 0));
    world.mesh.say("Get a:80", "8080");
    for stream in &mut changed {
        assert_eq!(stream.hear().await, "-");
        assert_eq!(stream.hear().await, "+8080");
    }
    let after = world.mesh.work();
    assert_eq!((after.projections, after.editions, after.wakes - before.wakes), (3, 1, 1_000));
    others[0].quiet().await;
    world.mesh.say("Get nobody:80", "8080");
    world.mesh.say("Get a:80", "8080");
    changed[0].quiet().await;
    let last = world.mesh.work();
    assert_eq!((last.projections, last.editions, last.wakes), (4, 1, after.wakes));
}

#[tokio::test]
async fn a_proxy_that_never_reads_costs_one_pending_state_and_is_not_cut_off() {
    let world = World::start().await;
    let large = |round: u8| format!("{round:02}{}", "x".repeat(1 << 20));
    world.mesh.say("Watch 10.0.0.1:80", &large(0));
    let mut slow = world.proxy("web", WEB).await.watch("10.0.0.1:80").await.unwrap();
    let mut quick = world.proxy("web", "external/shop/web-1").await.watch("10.0.0.1:80").await.unwrap();
    quick.hear().await;
    for round in 1..50 {
        world.mesh.say("Watch 10.0.0.1:80", &large(round));
        assert_eq!(quick.hear().await[..2], large(round)[..2]);
    }
    let pushed = world.metric("heddle_push_total{plane=\"linkerd\",type=\"Watch\"}") - 50.0;
    assert!((1.0..=10.0).contains(&pushed), "{pushed} messages were made for who does not read");
    let mut heard = 0;
    loop {
        heard += 1;
        if slow.hear().await[..2] == *"49" {
            break;
        }
    }
    assert!(heard <= 11, "it heard {heard} states");
}

/// Resident memory of this process: of the server, and of the clients too.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<usize>().unwrap() * 1024
}

/// A stream costs the server less than this and the client less too; `benches` measures how much.
const BOTH_ENDS: usize = 32 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_streams_take_bounded_memory_and_sleep() {
    const CONNECTIONS: usize = 100;
    const EACH: usize = 100;
    let limits = Limits { questions_per_workload: 2 * CONNECTIONS * EACH, ..Limits::default() };
    let world = World::with(limits).await;
    // What a connection costs by itself, and what is only reserved, is there from the start.
    let _warm = open(&world, CONNECTIONS, 1, |_| "0:80".into()).await;
    let before = resident();
    let mut streams = open(&world, CONNECTIONS, EACH, |nth| format!("{}:80", nth % EACH)).await;
    let each = resident().saturating_sub(before) / streams.len();
    assert!(each <= BOTH_ENDS, "{each} bytes for each stream, its client's end and its connection's share");
    let work = world.mesh.work();
    assert_eq!(work.topics, EACH);
    for round in 0..100 {
        world.mesh.say(&format!("Get unrelated-{round}:80"), "8080");
    }
    world.mesh.say("Get 7:80", "8080");
    assert_eq!(streams[7].hear().await, "-");
    let woken = world.mesh.work().wakes - work.wakes;
    assert_eq!(woken, CONNECTIONS as u64, "of {} streams", streams.len());
    assert_eq!(world.mesh.work().projections, work.projections + 1);
    assert_eq!(world.registry.view().len(), 2 * CONNECTIONS);
}

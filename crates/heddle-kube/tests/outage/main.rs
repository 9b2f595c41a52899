//! API servers that are away for hours, or in part, in paused time.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod server;

use heddle_kube::{Phase, STALE, Watches, watch};
use heddle_model::{Event, Kind};
use serde_json::json;
use server::{Mood, Server};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

const HOURS: Duration = Duration::from_secs(6 * 3600);

/// A minute is longer than any wait between two attempts, and than calm takes to be believed.
const MINUTE: Duration = Duration::from_secs(60);

const PLURALS: [&str; 22] = [
    "namespaces",
    "nodes",
    "pods",
    "services",
    "endpointslices",
    "httproutes",
    "grpcroutes",
    "referencegrants",
    "meshes",
    "inboundpolicies",
    "accesspolicies",
    "externalworkloads",
    "servers",
    "serverauthorizations",
    "authorizationpolicies",
    "meshtlsauthentications",
    "networkauthentications",
    "linkerdroutes",
    "httplocalratelimitpolicies",
    "egressnetworks",
    "serviceprofiles",
    "linkerdworkloads",
];

/// Watches that have listed everything: Services `a` and `b`.
struct World {
    server: Server,
    watches: Watches,
    events: mpsc::Receiver<Event>,
}

impl World {
    async fn start() -> Self {
        Self::on(Server::new()).await
    }

    async fn on(server: Server) -> Self {
        ["a", "b"].into_iter().for_each(|name| server.set("services", name, service()));
        let (queue, events) = mpsc::channel(64);
        let watches = Watches::new();
        tokio::spawn(watch(server.client(), queue, watches.clone()));
        let mut world = Self { server, watches, events };
        let mut listed = BTreeSet::new();
        while listed.len() < Kind::ALL.len() {
            match world.next().await {
                Event::Replace(kind, _) => drop(listed.insert(kind)),
                other => panic!("{other:?} before every list"),
            }
        }
        assert_eq!(world.watches.missing(), Vec::<String>::new());
        world
    }

    async fn next(&mut self) -> Event {
        timeout(MINUTE, self.events.recv()).await.expect("within a minute").expect("the watches run")
    }

    /// The next event about Services, in short. What other kinds list anew is as it was: nothing.
    async fn services(&mut self) -> String {
        loop {
            match self.next().await {
                Event::Set(object) => return format!("set {}", object.source.name),
                Event::Delete(source) => return format!("delete {}", source.name),
                Event::Replace(Kind::Service, objects) => {
                    let names: Vec<_> = objects.iter().map(|object| object.source.name.as_str()).collect();
                    return format!("replace {}", names.join(" "));
                }
                Event::Replace(kind, objects) => assert!(objects.is_empty(), "{kind}"),
            }
        }
    }

    fn is_silent(&mut self) -> bool {
        self.events.try_recv().is_err()
    }

    fn stale(&self) -> Vec<String> {
        self.watches.stale(Instant::now())
    }

    fn phases(&self) -> BTreeSet<String> {
        self.watches.view().values().map(|state| format!("{:?}", state.phase)).collect()
    }
}

fn service() -> serde_json::Value {
    json!({"clusterIP": "None", "ports": [{"port": 80}]})
}

#[tokio::test(start_paused = true)]
async fn watches_are_made_anew_all_the_time_and_say_nothing_about_it() {
    let mut world = World::start().await;
    let start = Instant::now();
    sleep(HOURS).await;
    assert!(world.is_silent());
    assert_eq!(world.phases(), ["Watching".to_owned()].into());
    for plural in PLURALS {
        let asked = world.server.asked(plural, start).len();
        assert!((HOURS.as_secs() / 20..=HOURS.as_secs() / 15).contains(&(asked as u64)), "{plural}: {asked}");
    }
    world.server.set("services", "c", service());
    assert_eq!(world.services().await, "set c");
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_hours_changes_nothing_and_then_what_was_deleted_goes() {
    let mut world = World::start().await;
    let fell = Instant::now();
    world.server.becomes("", Mood::Down);
    sleep(HOURS).await;
    assert!(world.is_silent(), "what was read stays as it was");
    assert_eq!(world.watches.missing(), Vec::<String>::new());
    assert_eq!(world.watches.alarms().len(), Kind::ALL.len());
    assert_eq!(world.stale(), Vec::<String>::new(), "it is away for everyone");
    PLURALS.into_iter().for_each(|plural| backs_off(&world.server.asked(plural, fell)));

    world.server.delete("services", "b");
    world.server.set("services", "c", service());
    world.server.compact();
    world.server.becomes("", Mood::Up);
    assert_eq!(world.services().await, "replace a c", "the history is gone: the list is read anew");
    sleep(MINUTE).await;
    assert_eq!(world.watches.alarms(), Vec::<String>::new());

    world.server.becomes("", Mood::Down);
    sleep(MINUTE).await;
    world.server.delete("services", "c");
    world.server.becomes("", Mood::Up);
    assert_eq!(world.services().await, "delete c", "the history is there: the watch goes on");
}

/// Ten to twenty seconds between attempts once there were some, and not always the same.
fn backs_off(asked: &[Instant]) {
    let waits: Vec<Duration> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits.len() > 1000, "{} attempts", waits.len());
    assert!(waits[0] < Duration::from_secs(1), "{:?}", waits[0]);
    let range = Duration::from_secs(10)..=Duration::from_secs(20);
    assert!(waits[10..].iter().all(|wait| range.contains(wait)), "{waits:?}");
    let distinct: BTreeSet<u64> = waits[10..].iter().map(Duration::as_secs).collect();
    assert!(distinct.len() > 5, "replicas that lost one API server come back together: {distinct:?}");
}

#[tokio::test(start_paused = true)]
async fn connections_that_stand_and_say_nothing_are_noticed() {
    let mut world = World::start().await;
    world.server.becomes("", Mood::Frozen);
    world.server.delete("services", "b");
    sleep(Duration::from_secs(41)).await;
    for _ in 0..600 {
        assert_eq!(world.phases(), ["Failing".to_owned()].into());
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(world.stale(), Vec::<String>::new());
    assert!(world.is_silent());
    world.server.becomes("", Mood::Up);
    assert_eq!(world.services().await, "delete b");
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_fails_alone_makes_the_replica_stale_until_it_is_heard_again() {
    let mut world = World::start().await;
    world.server.becomes("services", Mood::Down);
    sleep(STALE - Duration::from_secs(1)).await;
    assert_eq!(world.stale(), Vec::<String>::new());
    sleep(Duration::from_secs(2)).await;
    let stale = world.stale();
    assert_eq!(stale.len(), 1);
    assert!(stale[0].starts_with("Service: its watch has failed for 3"), "{stale:?}");
    assert!(stale[0].ends_with("connection refused"), "{stale:?}");
    assert_eq!(world.watches.view()[&Kind::Pod].phase, Phase::Watching);
    world.server.becomes("services", Mood::Up);
    world.server.delete("services", "a");
    assert_eq!(world.services().await, "delete a");
    assert_eq!(world.stale(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_takes_longer_to_stream_than_a_watch_lives_is_read_by_pages() {
    let server = Server::new();
    server.becomes("services", Mood::Slow);
    let start = Instant::now();
    let mut world = World::on(server).await;
    assert!(start.elapsed() < MINUTE, "{:?}", start.elapsed());
    assert_eq!(world.watches.view()[&Kind::Service].objects, 2);
    world.server.set("services", "c", service());
    assert_eq!(world.services().await, "set c");
}

#[tokio::test(start_paused = true)]
async fn watches_that_end_at_once_are_not_made_anew_without_a_pause() {
    let mut world = World::start().await;
    let start = Instant::now();
    world.server.becomes("services", Mood::Hasty);
    sleep(Duration::from_secs(600)).await;
    let asked = world.server.asked("services", start).len();
    assert!((1000..=6100).contains(&asked), "{asked} times in ten minutes");
    world.server.set("services", "c", service());
    assert_eq!(world.services().await, "set c");
}

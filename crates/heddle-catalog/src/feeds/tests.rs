//! A feed whose answers are the zones of a workload and its friends.

use super::*;
use heddle_model::access::{Access, Posture};
use heddle_model::fact::Mtls;
use heddle_model::snapshot::{InboundDefault, Workload};
use heddle_model::{Name, WorkloadKey, WorkloadKind};
use proptest::prelude::*;

#[derive(Debug, PartialEq)]
enum Zones {}

/// The zones of a pod and of what its zone names: so the keys of an answer depend on the Snapshot. Without a zone,
/// whether there is any pod of zone `x`.
impl Feed for Zones {
    type Subscription = Name;
    type Answer = Option<Vec<String>>;
    type UnkeyedDependency = ();

    fn project(topic: &Name, snapshot: &Snapshot) -> Made<Self::Answer, ()> {
        let own = pod(topic);
        let mut keys = BTreeSet::from([Key::Workload(own.clone())]);
        let zone = |key: &WorkloadKey| snapshot.workloads.get(key).and_then(|found| found.zone.clone());
        let Some(first) = zone(&own) else {
            let any = snapshot.workloads.values().any(|pod| pod.zone.as_deref() == Some("x"));
            return Made { answer: any.then(|| vec!["any".into()]), keys, wide: [()].into() };
        };
        let friend = pod(&first);
        keys.insert(Key::Workload(friend.clone()));
        let zones = [Some(first), zone(&friend)].into_iter().flatten().map(|zone| zone.to_string());
        Made { answer: Some(zones.collect()), keys, wide: BTreeSet::new() }
    }

    fn is_changed_by((): &(), key: &Key, old: &Snapshot, new: &Snapshot) -> bool {
        let is_x = |snapshot: &Snapshot| {
            let Key::Workload(pod) = key else { return false };
            snapshot.workloads.get(pod).is_some_and(|pod| pod.zone.as_deref() == Some("x"))
        };
        is_x(old) != is_x(new)
    }

    fn whole(answer: &Self::Answer) -> Vec<Bytes> {
        answer.iter().flatten().map(|zone| format!("+{zone}").into()).collect()
    }

    fn since(answer: &Self::Answer, old: &Self::Answer) -> Vec<Bytes> {
        vec![format!("{old:?} to {answer:?}").into()]
    }

    fn is_end(answer: &Self::Answer) -> bool {
        answer.is_none()
    }
}

fn pod(name: &str) -> WorkloadKey {
    WorkloadKey::new(WorkloadKind::Pod, "shop", name)
}

fn set(snapshot: &mut Snapshot, name: &str, zone: Option<&str>) -> BTreeSet<Key> {
    let key = pod(name);
    let access =
        Arc::new(Access { posture: Posture::Allow, posture_source: None, policies: vec![], routes: None });
    let workload = Workload {
        key: key.clone(),
        identity: None,
        addresses: vec![],
        plane: None,
        node: None,
        region: None,
        zone: zone.map(Name::from),
        host_network: false,
        skip_inbound_ports: Default::default(),
        uses: None,
        inbound: vec![],
        undeclared: InboundDefault { mtls: Mtls::Permissive, mtls_source: None, access },
    };
    snapshot.workloads.insert(key.clone(), Arc::new(workload));
    [Key::Workload(key)].into()
}

fn name(text: &str) -> Arc<Name> {
    Arc::new(text.into())
}

/// Feeds of a Snapshot that nobody follows yet.
fn feeds(snapshot: &Snapshot) -> Feeds<Zones> {
    let mut feeds = Feeds::default();
    assert!(feeds.publish(&BTreeSet::new(), snapshot).is_empty());
    feeds
}

fn text(messages: &[Bytes]) -> Vec<String> {
    messages.iter().map(|message| String::from_utf8(message[5..].to_vec()).unwrap()).collect()
}

#[test]
fn a_change_costs_one_projection_and_one_encoding_however_many_follow() {
    let mut snapshot = Snapshot::default();
    set(&mut snapshot, "web", Some("a"));
    set(&mut snapshot, "api", Some("b"));
    let mut feeds = feeds(&snapshot);
    let editions: Vec<_> = (0..1000).map(|_| feeds.join(&name("web"))).collect();
    feeds.join(&name("api"));
    assert_eq!(feeds.work(), Work { projections: 2, editions: 0 });
    assert!(editions.iter().all(|edition| Arc::ptr_eq(&edition.whole(), &editions[0].whole())));
    let changed = set(&mut snapshot, "web", Some("c"));
    let news = feeds.publish(&changed, &snapshot);
    assert_eq!(feeds.work(), Work { projections: 3, editions: 1 });
    let [(topic, edition)] = &news[..] else { panic!("{}", news.len()) };
    assert_eq!(topic.as_str(), "web");
    assert!(Arc::ptr_eq(&edition.since(&editions[0]), &edition.since(&editions[1])));
    assert_eq!(text(&edition.since(&editions[0])), [r#"Some(["a"]) to Some(["c"])"#]);
    assert_eq!(edition.whole()[0].as_ref(), b"\0\0\0\0\x02+c");
}

#[test]
fn an_equal_answer_is_no_edition_and_a_change_of_another_no_work() {
    let mut snapshot = Snapshot::default();
    set(&mut snapshot, "web", Some("a"));
    let mut feeds = feeds(&snapshot);
    feeds.join(&name("web"));
    let changed = set(&mut snapshot, "web", Some("a"));
    assert!(feeds.publish(&changed, &snapshot).is_empty());
    assert_eq!(feeds.work(), Work { projections: 2, editions: 0 });
    let changed = set(&mut snapshot, "api", Some("a"));
    assert!(feeds.publish(&changed, &snapshot).is_empty());
    assert_eq!(feeds.work(), Work { projections: 2, editions: 0 });
}

#[test]
fn whoever_lags_is_told_the_difference_from_what_it_knows() {
    let mut snapshot = Snapshot::default();
    set(&mut snapshot, "web", Some("a"));
    let mut feeds = feeds(&snapshot);
    let first = feeds.join(&name("web"));
    let changed = set(&mut snapshot, "web", Some("b"));
    feeds.publish(&changed, &snapshot);
    let changed = set(&mut snapshot, "web", Some("c"));
    let news = feeds.publish(&changed, &snapshot);
    assert_eq!(text(&news[0].1.since(&first)), [r#"Some(["a"]) to Some(["c"])"#]);
}

#[test]
fn a_topic_follows_the_keys_of_its_newest_answer() {
    let mut snapshot = Snapshot::default();
    set(&mut snapshot, "web", Some("a"));
    let mut feeds = feeds(&snapshot);
    feeds.join(&name("web"));
    let changed = set(&mut snapshot, "a", Some("x"));
    assert_eq!(text(&feeds.publish(&changed, &snapshot)[0].1.whole()), ["+a", "+x"]);
    let changed = set(&mut snapshot, "web", Some("b"));
    assert_eq!(text(&feeds.publish(&changed, &snapshot)[0].1.whole()), ["+b"]);
    let changed = set(&mut snapshot, "a", Some("y"));
    let before = feeds.work();
    assert!(feeds.publish(&changed, &snapshot).is_empty());
    assert_eq!(feeds.work(), before, "it does not follow its old friend");
    let changed = set(&mut snapshot, "web", None);
    assert!(feeds.publish(&changed, &snapshot)[0].1.is_end());
}

#[test]
fn what_depends_on_there_being_none_is_answered_again_when_there_is_one() {
    let mut snapshot = Snapshot::default();
    set(&mut snapshot, "web", None);
    let mut feeds = feeds(&snapshot);
    assert!(feeds.join(&name("web")).is_end());
    let changed = set(&mut snapshot, "new", Some("a"));
    assert!(feeds.publish(&changed, &snapshot).is_empty());
    assert_eq!(feeds.work().projections, 1);
    let changed = set(&mut snapshot, "newer", Some("x"));
    assert_eq!(text(&feeds.publish(&changed, &snapshot)[0].1.whole()), ["+any"]);
    let changed = set(&mut snapshot, "web", Some("a"));
    feeds.publish(&changed, &snapshot);
    assert!(feeds.wide.0.is_empty());
}

#[test]
fn a_topic_that_nobody_follows_costs_nothing() {
    let mut snapshot = Snapshot::default();
    set(&mut snapshot, "web", Some("a"));
    let mut feeds = feeds(&snapshot);
    feeds.join(&name("web"));
    feeds.join(&name("web"));
    assert!(!feeds.leave(&"web".into()));
    assert!(feeds.leave(&"web".into()));
    assert!(!feeds.leave(&"web".into()), "it was left before");
    assert!(feeds.is_empty() && feeds.made_from.0.is_empty());
    let changed = set(&mut snapshot, "web", Some("b"));
    assert!(feeds.publish(&changed, &snapshot).is_empty());
    assert_eq!(feeds.work().projections, 1);
}

proptest! {
    /// Following step by step gives the answer that is given from nothing, and the index holds no more than its keys.
    #[test]
    fn any_history_ends_in_the_answer_of_what_is_left(
        steps in proptest::collection::vec((0..4_usize, proptest::option::of(0..4_usize), any::<bool>()), 1..40),
    ) {
        const NAMES: [&str; 4] = ["a", "b", "c", "x"];
        let mut snapshot = Snapshot::default();
        let mut feeds = feeds(&snapshot);
        let mut newest: BTreeMap<Name, Arc<Edition<Zones>>> = BTreeMap::new();
        for (pod, zone, follow) in steps {
            let name = Name::from(NAMES[pod]);
            if follow && !newest.contains_key(&name) {
                newest.insert(name.clone(), feeds.join(&Arc::new(name.clone())));
            } else if !follow && newest.remove(&name).is_some() {
                prop_assert!(feeds.leave(&name));
            }
            let changed = set(&mut snapshot, NAMES[pod], zone.map(|zone| NAMES[zone]));
            for (topic, edition) in feeds.publish(&changed, &snapshot) {
                newest.insert((*topic).clone(), edition);
            }
            for (topic, edition) in &newest {
                prop_assert_eq!(edition.answer(), &Zones::project(topic, &snapshot).answer);
            }
        }
        let indexed: usize = feeds.made_from.0.values().map(BTreeSet::len).sum();
        let keys: usize = newest.keys().map(|topic| Zones::project(topic, &snapshot).keys.len()).sum();
        prop_assert_eq!(indexed, keys);
    }
}

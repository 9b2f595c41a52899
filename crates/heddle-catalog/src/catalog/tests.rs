//! A dialect of two groups and one type: what a Service's group says of it is its ports and the group's letter.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

use super::*;
use crate::Projection;
use bytes::Bytes;
use heddle_model::fact::{Locality, Protocol, ServiceForm};
use heddle_model::route::RouteDefaults;
use heddle_model::snapshot::{Service, ServicePort, Workload};
use heddle_model::{Name, ServiceKey, SourceRef, WorkloadKey, WorkloadKind};
use proptest::prelude::*;

#[derive(Debug)]
enum Toy {}

/// The group of a client besides the one of all: that of its zone, if it has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    All,
    Zone(Name),
}

type ToyKey = (u8, Name);

/// The type of what is made for who asks for it.
const ASKED: u8 = 2;

fn workload(name: &str) -> WorkloadKey {
    WorkloadKey::new(WorkloadKind::Pod, "shop", name)
}

fn service(name: &str) -> ServiceKey {
    ServiceKey::new("shop", name)
}

impl Dialect for Toy {
    type Client = WorkloadKey;
    type Group = Group;
    type Type = u8;
    type Key = ToyKey;

    fn key(ty: u8, name: Name) -> ToyKey {
        (ty, name)
    }

    fn ty(key: &ToyKey) -> u8 {
        key.0
    }

    fn name(key: &ToyKey) -> &Name {
        &key.1
    }

    fn groups(client: &WorkloadKey, snapshot: &Snapshot) -> Vec<Group> {
        let zone = snapshot.workloads.get(client).and_then(|workload| workload.zone.clone());
        [Group::All].into_iter().chain(zone.map(Group::Zone)).collect()
    }

    fn regroups(client: &WorkloadKey, key: &Key) -> bool {
        *key == Key::Workload(client.clone())
    }

    /// A zone overrides the Services that prefer it.
    fn names(group: &Group, snapshot: &Snapshot) -> BTreeSet<ToyKey> {
        let keys = snapshot.services.values().map(|service| (1, service.key.name.clone()));
        keys.filter(|key| Self::project(group, key, snapshot).is_some()).collect()
    }

    fn touched(_: &Group, key: &Key, _: &Snapshot, _: &Snapshot) -> BTreeSet<ToyKey> {
        match key {
            Key::Service(service) => [(1, service.name.clone())].into(),
            _ => BTreeSet::new(),
        }
    }

    fn project(group: &Group, key: &ToyKey, snapshot: &Snapshot) -> Option<Projection<ToyKey>> {
        let service = snapshot.services.get(&service(&key.1))?;
        let local = service.locality == Locality::PreferZone;
        let value = match group {
            Group::All => format!("{} {:?}", key.1, service.ports),
            Group::Zone(zone) if local => format!("{} {:?} {zone}", key.1, service.ports),
            Group::Zone(_) => return None,
        };
        Some(Projection {
            type_url: "toy".to_string(),
            value: value.into(),
            sources: [service.key.source()].into(),
            needs: Vec::new(),
        })
    }

    /// One client must ask for what is not of its zone.
    fn is_offered(client: &WorkloadKey, group: &Group, _: &Snapshot) -> bool {
        *client == workload("asks") && *group == Group::All
    }

    fn used(_: &WorkloadKey, _: &Snapshot) -> Vec<ToyKey> {
        Vec::new()
    }

    fn is_asked_for((ty, _): &ToyKey) -> bool {
        *ty == ASKED
    }

    fn asked(client: &WorkloadKey, key: &ToyKey, snapshot: &Snapshot) -> Option<Projection<ToyKey>> {
        snapshot.services.get(&service(&key.1))?;
        Some(Projection {
            type_url: "toy".to_string(),
            value: format!("{} for {client}", key.1).into(),
            sources: BTreeSet::new(),
            needs: vec![(1, key.1.clone())],
        })
    }

    fn absent(key: &ToyKey) -> Option<Projection<ToyKey>> {
        let value = Bytes::from_static(b"none");
        let none = Projection { type_url: "toy".to_string(), value, sources: BTreeSet::new(), needs: vec![] };
        (key.0 == 1).then_some(none)
    }
}

/// A Snapshot that is changed and published step by step.
struct World {
    snapshot: Snapshot,
    catalog: Catalog<Toy>,
}

impl World {
    fn new(services: usize) -> Self {
        let mut snapshot = Snapshot::default();
        for index in 0..services {
            let name = format!("s{index:04}");
            snapshot.services.insert(service(&name), resolved(&name, 80, Locality::Any));
        }
        Self { catalog: Catalog::new(snapshot.clone()), snapshot }
    }

    fn publish(&mut self, key: Key) -> u64 {
        self.catalog.publish(&[key].into(), &self.snapshot).sequence()
    }

    fn set(&mut self, name: &str, port: u16, locality: Locality) -> u64 {
        self.snapshot.services.insert(service(name), resolved(name, port, locality));
        self.publish(Key::Service(service(name)))
    }

    fn delete(&mut self, name: &str) -> u64 {
        self.snapshot.services.remove(&service(name));
        self.publish(Key::Service(service(name)))
    }

    fn place(&mut self, name: &str, zone: Option<&str>) -> u64 {
        let zone = zone.map(Name::from);
        self.snapshot.workloads.insert(workload(name), pod(name, zone));
        self.publish(Key::Workload(workload(name)))
    }

    fn view(&self, client: &str) -> crate::ClientView<Toy> {
        self.catalog.published().view(&workload(client)).expect("it joined")
    }

    /// Returns what a client sees: `name value` each.
    fn seen(&self, client: &str) -> Vec<String> {
        let mut seen = Vec::new();
        self.view(client).for_each(1, &mut |entry| {
            let body = entry.body();
            // The message is the last field of the packed one.
            let text = String::from_utf8_lossy(&body[7..]).into_owned();
            seen.push(text.split_once(" [").map_or(text.clone(), |(name, rest)| {
                let zone = rest.rsplit_once(']').map_or("", |(_, zone)| zone);
                format!("{name}{zone}")
            }));
        });
        seen
    }
}

fn resolved(name: &str, port: u16, locality: Locality) -> Arc<Service> {
    let port = ServicePort { name: "".into(), number: port, protocol: Protocol::Http };
    Arc::new(Service {
        key: service(name),
        form: ServiceForm::Headless,
        families: Default::default(),
        ports: vec![port],
        locality,
        accrual: None,
        defaults: RouteDefaults::default(),
    })
}

fn pod(name: &str, zone: Option<Name>) -> Arc<Workload> {
    use heddle_model::access::{Access, Posture};
    use heddle_model::fact::Mtls;
    use heddle_model::snapshot::InboundDefault;
    let access =
        Arc::new(Access { posture: Posture::Allow, posture_source: None, policies: vec![], routes: None });
    let undeclared = InboundDefault { mtls: Mtls::Permissive, mtls_source: None, access };
    Arc::new(Workload {
        key: workload(name),
        identity: None,
        addresses: vec![],
        plane: None,
        node: None,
        region: None,
        zone,
        host_network: false,
        skip_inbound_ports: BTreeSet::new(),
        uses: None,
        inbound: vec![],
        undeclared,
    })
}

#[test]
fn a_change_costs_one_projection_and_encoding_per_group_however_many_clients() {
    let mut world = World::new(50);
    for index in 0..1000 {
        let name = format!("w{index}");
        world.place(&name, Some(["a", "b"][index % 2]));
        world.catalog.join(workload(&name));
    }
    assert_eq!(world.catalog.counters(), Counters { projections: 50, encodings: 50 });
    world.set("s0007", 81, Locality::Any);
    // The group of all, and that of each zone, which has nothing of that name.
    assert_eq!(world.catalog.counters(), Counters { projections: 53, encodings: 51 });
    world.set("s0007", 81, Locality::PreferZone);
    assert_eq!(world.catalog.counters(), Counters { projections: 56, encodings: 53 });
}

#[test]
fn equal_content_is_no_change() {
    let mut world = World::new(3);
    world.catalog.join(workload("w"));
    let before = world.set("s0001", 81, Locality::Any);
    let entry = world.view("w").get(1, &"s0001".into()).expect("there");
    assert_eq!(world.set("s0001", 81, Locality::Any), before);
    let same = world.view("w").get(1, &"s0001".into()).expect("there");
    assert_eq!(entry.framed().as_ptr(), same.framed().as_ptr(), "it was encoded again");
}

#[test]
fn a_group_without_clients_costs_nothing() {
    let mut world = World::new(10);
    world.set("s0001", 81, Locality::Any);
    assert_eq!(world.catalog.counters(), Counters::default());
    let client = workload("w");
    world.catalog.join(client.clone());
    world.catalog.join(client.clone());
    world.catalog.leave(&client);
    assert_eq!(world.catalog.published().groups().count(), 1, "it joined twice");
    world.catalog.leave(&client);
    world.catalog.leave(&client);
    assert_eq!(world.catalog.published().groups().count(), 0);
    assert!(world.catalog.published().view(&client).is_none());
}

#[test]
fn a_later_group_overrides_an_earlier_one_name_by_name() {
    let mut world = World::new(3);
    world.set("s0001", 80, Locality::PreferZone);
    world.place("here", Some("a"));
    for client in ["here", "nowhere"] {
        world.catalog.join(workload(client));
    }
    assert_eq!(world.seen("nowhere"), ["s0000", "s0001", "s0002"]);
    assert_eq!(world.seen("here"), ["s0000", "s0001 a", "s0002"]);
    let get = |client: &str| world.view(client).get(1, &"s0001".into()).expect("there").version();
    assert_ne!(get("here"), get("nowhere"));
}

#[test]
fn a_client_whose_groups_change_compares_everything() {
    let mut world = World::new(1);
    world.set("s0000", 80, Locality::PreferZone);
    world.catalog.join(workload("w"));
    let before = world.catalog.published().sequence();
    let after = world.place("w", Some("a"));
    assert_eq!(after, before + 1);
    assert_eq!(world.seen("w"), ["s0000 a"]);
    assert_eq!(world.view("w").changed_since(before), None);
    assert_eq!(world.view("w").changed_since(after), Some(BTreeSet::new()));
    assert_eq!(world.place("w", Some("a")), after, "nothing moved");
    world.place("w", None);
    assert_eq!(world.seen("w"), ["s0000"]);
    assert_eq!(world.catalog.published().groups().count(), 1, "nobody is in zone a any more");
}

#[test]
fn a_reader_finds_what_changed_for_it() {
    let mut world = World::new(3);
    world.place("here", Some("a"));
    for client in ["here", "nowhere"] {
        world.catalog.join(workload(client));
    }
    let start = world.catalog.published().sequence();
    world.set("s0001", 81, Locality::Any);
    world.delete("s0002");
    world.set("s0001", 82, Locality::Any);
    let changed = |client: &str, since: u64| {
        let changed = world.view(client).changed_since(since)?;
        Some(changed.into_iter().map(|(_, name)| name.to_string()).collect::<Vec<_>>())
    };
    let names = |names: &[&str]| Some(names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
    assert_eq!(changed("nowhere", start), names(&["s0001", "s0002"]));
    assert_eq!(changed("here", start + 2), names(&["s0001"]));
    assert_eq!(changed("here", start + 3), names(&[]));
}

#[test]
fn an_older_state_stays_as_it_was() {
    let mut world = World::new(2);
    world.catalog.join(workload("w"));
    let old = world.view("w");
    world.delete("s0000");
    assert!(old.get(1, &"s0000".into()).is_some());
    assert!(world.view("w").get(1, &"s0000".into()).is_none());
    assert!(world.view("w").absent(1, &"s0000".into()).is_some());
    assert!(world.view("w").absent(2, &"s0000".into()).is_none());
}

#[test]
fn a_resource_names_its_sources() {
    let mut world = World::new(1);
    world.catalog.join(workload("w"));
    let sources = world.view("w").sources(1, &"s0000".into());
    assert_eq!(sources, [SourceRef::new(heddle_model::Kind::Service, "shop", "s0000")].into());
    assert!(world.view("w").sources(1, &"no".into()).is_empty());
}

#[derive(Clone, Debug)]
enum Op {
    Set(usize, u16, bool),
    Delete(usize),
    Place(usize, Option<bool>),
    Join(usize),
    Leave(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..4usize, 0..3u16, any::<bool>()).prop_map(|(service, port, local)| Op::Set(service, port, local)),
        (0..4usize).prop_map(Op::Delete),
        (0..3usize, any::<Option<bool>>()).prop_map(|(client, zone)| Op::Place(client, zone)),
        (0..3usize).prop_map(Op::Join),
        (0..3usize).prop_map(Op::Leave),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_incremental_catalog_equals_one_built_from_nothing(history in proptest::collection::vec(op(), 0..40)) {
        let mut world = World::new(2);
        let mut joined = [0usize; 3];
        for op in history {
            match op {
                Op::Set(index, port, local) => {
                    let locality = if local { Locality::PreferZone } else { Locality::Any };
                    world.set(&format!("s{index:04}"), port, locality);
                }
                Op::Delete(index) => drop(world.delete(&format!("s{index:04}"))),
                Op::Place(index, zone) => {
                    world.place(&format!("w{index}"), zone.map(|b| if b { "b" } else { "a" }));
                }
                Op::Join(index) => {
                    joined[index] += 1;
                    world.catalog.join(workload(&format!("w{index}")));
                }
                Op::Leave(index) => {
                    joined[index] = joined[index].saturating_sub(1);
                    world.catalog.leave(&workload(&format!("w{index}")));
                }
            }
        }
        let mut fresh = World { catalog: Catalog::new(world.snapshot.clone()), snapshot: world.snapshot.clone() };
        for (index, _) in joined.iter().enumerate().filter(|(_, count)| **count > 0) {
            let client = format!("w{index}");
            fresh.catalog.join(workload(&client));
            prop_assert_eq!(world.seen(&client), fresh.seen(&client));
        }
        let groups = |world: &World| {
            let published = world.catalog.published();
            published.groups().map(|(group, len)| (group.clone(), len)).collect::<Vec<_>>()
        };
        prop_assert_eq!(groups(&world), groups(&fresh));
    }
}

#[test]
fn what_is_offered_is_there_and_not_given() {
    let mut world = World::new(2);
    let state = world.catalog.join(workload("asks"));
    let view = state.view(&workload("asks")).expect("joined");
    let name = Name::from("s0001");
    assert!(view.get(1, &name).is_some() && !view.is_given(1, &name));
    let mut given = 0;
    view.for_each_given(1, &mut |_| given += 1);
    assert_eq!(given, 0);
    let state = world.catalog.join(workload("web"));
    assert!(state.view(&workload("web")).expect("joined").is_given(1, &name));
}

#[test]
fn what_is_asked_for_is_made_for_who_asks() {
    let mut world = World::new(1);
    let state = world.catalog.join(workload("asks"));
    let view = state.view(&workload("asks")).expect("joined");
    let asked = view.get(ASKED, &"s0000".into()).expect("it exists");
    assert!(!asked.is_shared() && !asked.is_absent());
    assert_eq!(asked.needs(), [(1, Name::from("s0000"))]);
    assert!(view.get(ASKED, &"s0009".into()).is_none());
    assert!(!view.is_given(ASKED, &"s0000".into()));
}

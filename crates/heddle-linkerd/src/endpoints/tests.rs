use super::*;
use heddle_proto::io::linkerd::proxy::net::ip_address;
use proptest::collection::btree_map;
use proptest::prelude::*;

/// A client's set: what it is told, it does.
#[derive(Default)]
struct SupportedPolicy {
    exists: bool,
    items: BTreeMap<SocketAddr, Bytes>,
    labels: BTreeMap<String, String>,
}

impl SupportedPolicy {
    fn take(&mut self, updates: Vec<Bytes>) {
        for bytes in updates {
            assert!(bytes.len() <= MOST_BYTES + 1024, "{} bytes in one message", bytes.len());
            match Update::decode(bytes).expect("an Update").update.expect("what changes") {
                update::Update::Add(set) => {
                    self.exists = true;
                    self.labels = set.metric_labels;
                    for item in set.addrs {
                        let at = socket(item.addr.as_ref().expect("an address"));
                        let old = self.items.insert(at, item.encode_to_vec().into());
                        assert_eq!(old, None, "{at} was changed in its place");
                    }
                }
                update::Update::Remove(set) => {
                    assert!(
                        set.addrs.iter().all(|address| self.items.remove(&socket(address)).is_some()),
                        "nobody removed"
                    );
                }
                update::Update::NoEndpoints(none) => {
                    self.exists = none.exists;
                    self.items.clear();
                }
            }
        }
    }
}

fn socket(address: &l5d::TcpAddress) -> SocketAddr {
    let Some(ip_address::Ip::Ipv4(ip)) = address.ip.as_ref().and_then(|ip| ip.ip) else { panic!("not here") };
    SocketAddr::new(std::net::Ipv4Addr::from(ip).into(), address.port.try_into().expect("a port"))
}

fn set(zones: BTreeMap<u8, u8>, exists: bool, label: u8) -> Endpoints {
    let item = |(last, zone): (u8, u8)| {
        let at = SocketAddr::from(([10, 0, 0, last], 8080));
        let zone = Name::from(format!("z{zone}"));
        let dial = Dial { at, identity: None, server: None, workload: None, zone: Some(&zone) };
        (at, Bytes::from(dial.message(&Default::default()).encode_to_vec()))
    };
    let items: BTreeMap<_, _> = zones.into_iter().map(item).collect();
    let labels = [("service".to_string(), format!("s{label}"))].into();
    Endpoints { exists: exists || !items.is_empty(), labels, items }
}

fn sets() -> impl Strategy<Value = Endpoints> {
    (btree_map(0..6u8, 0..2u8, 0..6), any::<bool>(), 0..2u8)
        .prop_map(|(zones, exists, label)| set(zones, exists, label))
}

proptest! {
    #[test]
    fn a_client_that_follows_has_what_a_new_one_gets(history in proptest::collection::vec(sets(), 1..8)) {
        let mut client = SupportedPolicy::default();
        client.take(history[0].whole());
        for pair in history.windows(2) {
            client.take(pair[1].since(&pair[0]));
            prop_assert_eq!(&client.items, &pair[1].items);
            prop_assert_eq!(client.exists, pair[1].exists);
            prop_assert!(pair[1].items.is_empty() || client.labels == pair[1].labels);
            prop_assert_eq!(pair[1].since(&pair[1]), Vec::<Bytes>::new());
        }
    }
}

#[test]
fn there_is_always_somebody_to_send_to() {
    let old = set([(1, 0), (2, 0)].into(), true, 0);
    let new = set([(3, 0), (4, 0)].into(), true, 0);
    let kinds: Vec<&str> = new
        .since(&old)
        .into_iter()
        .map(|bytes| match Update::decode(bytes).expect("an Update").update.expect("what changes") {
            update::Update::Add(_) => "add",
            update::Update::Remove(_) => "remove",
            update::Update::NoEndpoints(_) => "none",
        })
        .collect();
    assert_eq!(kinds, ["add", "remove"]);
}

#[test]
fn a_set_too_big_for_a_message_is_several() {
    let long = Bytes::from(vec![0; MOST_BYTES / 2]);
    let at = |last| SocketAddr::from(([10, 0, 0, last], 80));
    let items = (0..5).map(|last| (at(last), long.clone())).collect();
    let updates = Endpoints { exists: true, labels: BTreeMap::new(), items }.whole();
    assert!(updates.iter().all(|bytes| bytes.len() < 4 << 20), "a proxy takes 4 MiB");
    assert_eq!(updates.len(), 5);
}

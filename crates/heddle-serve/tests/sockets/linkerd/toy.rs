//! Made-up answers, in messages of the published crate: each is what the mesh says of its topic.

use heddle_catalog::{Feed, Made};
use heddle_linkerd::{ProxyRequest, Refused};
use heddle_model::snapshot::Key;
use heddle_model::{Snapshot, WorkloadKey, WorkloadKind};
use heddle_serve::feeds::{FeedServer, Work};
use linkerd2_proxy_api::destination::WeightedAddrSet;
use linkerd2_proxy_api::destination::update::Update as Kind;
use linkerd2_proxy_api::destination::{AddrSet, DestinationProfile, NoEndpoints, Update, WeightedAddr};
use linkerd2_proxy_api::{inbound, meta, net, outbound};
use prost::Message;
use prost::bytes::Bytes;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

#[derive(Debug)]
pub(crate) enum Toy {}

/// `METHOD TARGET`, and what the mesh says of it: ports of endpoints, or a text; "again" ends it.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Ports(BTreeSet<u16>),
    Text(String),
    AskAgain,
}

/// Returns where the mesh says what a topic is answered with.
pub(crate) fn source(topic: &str) -> WorkloadKey {
    WorkloadKey::new(WorkloadKind::External, "feed", topic)
}

impl Toy {
    pub(crate) fn topic(ask: &ProxyRequest, _: &WorkloadKey, _: &Snapshot) -> Result<String, Refused> {
        match ask {
            ProxyRequest::Endpoints { path } if !path.contains(':') => {
                Err(Refused::Malformed(format!("{path:?} has no port")))
            }
            ProxyRequest::Endpoints { path } if path.starts_with("none") => {
                Err(Refused::NotFound(format!("there is no Service of {path:?}")))
            }
            ProxyRequest::Endpoints { path } => Ok(format!("Get {path}")),
            ProxyRequest::Profile { path } => Ok(format!("GetProfile {path}")),
            ProxyRequest::Inbound { port } => Ok(format!("WatchPort {port}")),
            ProxyRequest::Outbound { target } => Ok(format!("Watch {target}")),
            ProxyRequest::OutboundName { authority } => Ok(format!("Watch {authority}")),
        }
    }
}

impl Feed for Toy {
    type Subscription = String;
    type Answer = (String, Answer);
    type UnkeyedDependency = ();

    fn project(topic: &String, snapshot: &Snapshot) -> Made<Self::Answer, ()> {
        let text = snapshot.workloads.get(&source(topic)).and_then(|found| found.zone.clone());
        let text = text.map(|text| text.to_string()).unwrap_or_default();
        let answer = match text.as_str() {
            "again" => Answer::AskAgain,
            ports if topic.starts_with("Get ") => {
                Answer::Ports(ports.split_whitespace().map(|port| port.parse().unwrap()).collect())
            }
            text => Answer::Text(text.into()),
        };
        let keys = [Key::Workload(source(topic))].into();
        Made { answer: (topic.clone(), answer), keys, wide: BTreeSet::new() }
    }

    fn is_changed_by((): &(), _: &Key, _: &Snapshot, _: &Snapshot) -> bool {
        false
    }

    fn whole((topic, answer): &Self::Answer) -> Vec<Bytes> {
        match answer {
            Answer::Ports(ports) if ports.is_empty() => {
                vec![update(Kind::NoEndpoints(NoEndpoints { exists: true }))]
            }
            Answer::Ports(ports) => vec![add(ports.iter().copied())],
            Answer::Text(text) => vec![message(topic, text)],
            Answer::AskAgain => vec![],
        }
    }

    fn since(answer: &Self::Answer, old: &Self::Answer) -> Vec<Bytes> {
        let ((_, Answer::Ports(new)), (_, Answer::Ports(old))) = (answer, old) else {
            return Self::whole(answer);
        };
        let gone = old.difference(new).map(|port| address(*port)).collect();
        vec![update(Kind::Remove(AddrSet { addrs: gone })), add(new.difference(old).copied())]
    }

    fn is_end((_, answer): &Self::Answer) -> bool {
        *answer == Answer::AskAgain
    }
}

fn message(topic: &str, text: &str) -> Bytes {
    let default = meta::Metadata { kind: Some(meta::metadata::Kind::Default(text.into())) };
    let bytes = match topic.split(' ').next().unwrap() {
        "GetProfile" => {
            DestinationProfile { fully_qualified_name: text.into(), ..Default::default() }.encode_to_vec()
        }
        "WatchPort" => {
            let labels = [("name".to_string(), text.to_string())].into();
            inbound::Server { labels, ..Default::default() }.encode_to_vec()
        }
        "Watch" => outbound::OutboundPolicy { metadata: Some(default), protocol: None }.encode_to_vec(),
        other => panic!("{other}"),
    };
    bytes.into()
}

fn update(kind: Kind) -> Bytes {
    Update { update: Some(kind) }.encode_to_vec().into()
}

fn add(ports: impl Iterator<Item = u16>) -> Bytes {
    let addrs = ports.map(|port| WeightedAddr { addr: Some(address(port)), ..Default::default() });
    let set = WeightedAddrSet { addrs: addrs.collect(), ..Default::default() };
    update(Kind::Add(set))
}

fn address(port: u16) -> net::TcpAddress {
    SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), port)).into()
}

/// The owner of the answers, as much of it as the servers notice.
pub(crate) struct Clerk {
    tell: mpsc::UnboundedSender<Told>,
    work: Arc<Mutex<Work>>,
}

struct Told {
    changed: BTreeSet<Key>,
    renamed: BTreeSet<WorkloadKey>,
    snapshot: Snapshot,
}

impl Clerk {
    pub(crate) fn start(mut desk: FeedServer<Toy>) -> Self {
        let (tell, mut told) = mpsc::unbounded_channel::<Told>();
        let work = Arc::<Mutex<Work>>::default();
        let shown = work.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    told = told.recv() => {
                        let Some(Told { changed, renamed, snapshot }) = told else { return };
                        // Who was woken and asks waits until all are.
                        let mut shown = shown.lock().unwrap();
                        desk.publish(&changed, &renamed, &snapshot);
                        *shown = desk.work();
                    }
                    word = desk.next() => {
                        let Some(word) = word else { return };
                        desk.take(word);
                        *shown.lock().unwrap() = desk.work();
                    }
                }
            }
        });
        Self { tell, work }
    }

    pub(crate) fn tell(&self, changed: BTreeSet<Key>, renamed: BTreeSet<WorkloadKey>, snapshot: Snapshot) {
        let _ = self.tell.send(Told { changed, renamed, snapshot });
    }

    pub(crate) fn work(&self) -> Work {
        *self.work.lock().unwrap()
    }
}

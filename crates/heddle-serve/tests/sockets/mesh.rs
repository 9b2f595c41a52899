//! A mesh of a few workloads and made-up resources.

use crate::linkerd::toy::{self, Clerk, Toy};
use bytes::Bytes;
use heddle_model::access::{Access, Posture};
use heddle_model::fact::Mtls;
use heddle_model::snapshot::{InboundDefault, Key, Workload};
use heddle_model::{Identity, Name, Snapshot, WorkloadKey};
use heddle_proto::envoy::service::discovery::v3 as discovery;
use heddle_proto::google::protobuf::Any;
use heddle_serve::engine::{Client, Membership, Published};
use heddle_serve::feeds::{FeedServer, Work};
use heddle_session::{Resource, ResourceType, Version, View};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, Weak};
use tokio::time::Instant;

/// A published state.
pub(crate) struct Mesh {
    sequence: u64,
    snapshot: Snapshot,
    uids: BTreeMap<WorkloadKey, Name>,
    items: BTreeMap<(ResourceType, Name), Item>,
    clients: Vec<Client>,
}

/// A resource.
#[derive(Clone)]
pub(crate) struct Item(Arc<Content>);

struct Content {
    name: Name,
    version: Version,
    body: Bytes,
    framed: Bytes,
}

/// A state, for whoever asks.
pub(crate) struct Whole(Arc<Mesh>);

impl Item {
    fn new(ty: ResourceType, name: &str, content: &[u8]) -> Self {
        let mut hash = DefaultHasher::new();
        content.hash(&mut hash);
        let version = Version(u128::from(hash.finish()).to_be_bytes());
        let any = Any { type_url: ty.url().into(), value: Bytes::copy_from_slice(content) };
        let body = any.encode_to_vec().into();
        let resource = discovery::Resource {
            name: name.into(),
            version: version.to_string(),
            resource: Some(any),
            ..Default::default()
        };
        Self(Arc::new(Content { name: name.into(), version, body, framed: resource.encode_to_vec().into() }))
    }
}

impl Resource for Item {
    fn name(&self) -> &Name {
        &self.0.name
    }

    fn version(&self) -> Version {
        self.0.version
    }

    fn body(&self) -> Bytes {
        self.0.body.clone()
    }

    fn framed(&self) -> Bytes {
        self.0.framed.clone()
    }

    fn needs(&self, _: &mut dyn FnMut(ResourceType, &Name)) {}
}

impl View for Whole {
    type Resource = Item;

    fn sequence(&self) -> u64 {
        self.0.sequence
    }

    fn get(&self, ty: ResourceType, name: &Name) -> Option<Item> {
        self.0.items.get(&(ty, name.clone())).cloned()
    }

    fn absent(&self, _: ResourceType, _: &Name) -> Option<Item> {
        None
    }

    fn for_each(&self, ty: ResourceType, each: &mut dyn FnMut(&Item)) {
        self.0.items.iter().filter(|((of, _), _)| *of == ty).for_each(|(_, item)| each(item));
    }

    fn changed_since(&self, _: u64) -> Option<Vec<(ResourceType, Name)>> {
        None
    }
}

impl Published for Mesh {
    type Resource = Item;
    type View = Whole;

    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn uid(&self, workload: &WorkloadKey) -> Option<Name> {
        self.uids.get(workload).cloned()
    }

    fn since(&self) -> Instant {
        Instant::now()
    }

    fn view(self: &Arc<Self>, client: &Client) -> Option<Whole> {
        self.clients.contains(client).then(|| Whole(self.clone()))
    }

    fn groups(&self, client: &Client) -> Vec<String> {
        vec!["Mesh".into(), client.capture.to_string()]
    }

    fn objects(&self, _: &Client, _: ResourceType, name: &Name) -> Vec<String> {
        vec![format!("Service shop/{name}")]
    }
}

/// The owner, as much of it as the servers notice.
#[derive(Clone)]
pub(crate) struct Publisher(Arc<Mutex<State>>);

struct State {
    owner: heddle_serve::engine::Publisher<Mesh>,
    sequence: u64,
    snapshot: Snapshot,
    uids: BTreeMap<WorkloadKey, Name>,
    items: BTreeMap<(ResourceType, Name), Item>,
    clients: Vec<Client>,
    states: Vec<Weak<Mesh>>,
    desk: Clerk,
}

impl Publisher {
    /// Publishes a mesh of these workloads, and again for whoever joins or leaves.
    pub(crate) fn start(
        owner: heddle_serve::engine::Publisher<Mesh>,
        desk: FeedServer<Toy>,
        workloads: &[(&str, &str)],
    ) -> Self {
        let mut owner = owner;
        let (never, closed) = tokio::sync::mpsc::unbounded_channel();
        drop(never);
        let mut members = std::mem::replace(&mut owner.members, closed);
        let state = State {
            owner,
            sequence: 0,
            snapshot: Snapshot::default(),
            uids: BTreeMap::new(),
            items: BTreeMap::new(),
            clients: Vec::new(),
            states: Vec::new(),
            desk: Clerk::start(desk),
        };
        let publisher = Self(Arc::new(Mutex::new(state)));
        workloads.iter().for_each(|(key, account)| publisher.run(key, account));
        publisher.set(ResourceType::Cluster, "a", b"first");
        let own = publisher.clone();
        tokio::spawn(async move {
            while let Some(member) = members.recv().await {
                own.admit(member);
            }
        });
        publisher
    }

    fn admit(&self, member: Membership) {
        let mut state = self.0.lock().unwrap();
        match member {
            Membership::Joined(client) => state.clients.push(client),
            Membership::Left(client) => {
                let at = state.clients.iter().position(|one| *one == client).expect("joined before");
                state.clients.remove(at);
            }
        }
        let next = state.next();
        state.owner.admit(next);
    }

    /// Runs a workload under an account.
    pub(crate) fn run(&self, key: &str, account: &str) {
        self.place(key.parse().unwrap(), account, None);
    }

    /// Says what a topic is answered with.
    pub(crate) fn say(&self, topic: &str, text: &str) {
        self.place(toy::source(topic), "feed", Some(text.into()));
    }

    fn place(&self, key: WorkloadKey, account: &str, zone: Option<Name>) {
        let access = Arc::new(Access {
            posture: Posture::Allow,
            posture_source: None,
            policies: vec![],
            routes: None,
        });
        let workload = Workload {
            identity: Some(Identity::new(key.namespace.clone(), account).unwrap()),
            key: key.clone(),
            addresses: vec![],
            plane: None,
            node: None,
            region: None,
            zone,
            host_network: false,
            skip_inbound_ports: Default::default(),
            uses: None,
            inbound: vec![],
            undeclared: InboundDefault { mtls: Mtls::Permissive, mtls_source: None, access },
        };
        let mut state = self.0.lock().unwrap();
        state.snapshot.workloads.insert(key.clone(), Arc::new(workload));
        state.send();
        state.tell([Key::Workload(key)].into(), BTreeSet::new());
    }

    /// Says which object a workload is.
    pub(crate) fn is(&self, key: &str, uid: &str) {
        let mut state = self.0.lock().unwrap();
        let key: WorkloadKey = key.parse().unwrap();
        state.uids.insert(key.clone(), uid.into());
        state.send();
        state.tell(BTreeSet::new(), [key].into());
    }

    /// Ends a workload.
    pub(crate) fn end(&self, key: &str) {
        let key: WorkloadKey = key.parse().unwrap();
        let mut state = self.0.lock().unwrap();
        state.snapshot.workloads.remove(&key);
        state.send();
        state.tell([Key::Workload(key)].into(), BTreeSet::new());
    }

    /// Sets a resource.
    pub(crate) fn set(&self, ty: ResourceType, name: &str, content: &[u8]) {
        let mut state = self.0.lock().unwrap();
        state.items.insert((ty, name.into()), Item::new(ty, name, content));
        state.sequence += 1;
        state.send();
    }

    /// Makes many resources at once.
    pub(crate) fn fill(&self, ty: ResourceType, names: &[String]) {
        let mut state = self.0.lock().unwrap();
        state
            .items
            .extend(names.iter().map(|name| ((ty, name.as_str().into()), Item::new(ty, name, b"one"))));
        state.sequence += 1;
        state.send();
    }

    /// Forgets that anybody joined. Returns who had.
    pub(crate) fn forget(&self) -> Vec<Client> {
        let mut state = self.0.lock().unwrap();
        let clients = std::mem::take(&mut state.clients);
        state.send();
        clients
    }

    /// Takes these in again.
    pub(crate) fn remember(&self, clients: Vec<Client>) {
        clients.into_iter().for_each(|client| self.admit(Membership::Joined(client)));
    }

    /// Published states that somebody still holds.
    pub(crate) fn held(&self) -> usize {
        self.0.lock().unwrap().states.iter().filter(|state| state.strong_count() > 0).count()
    }

    /// Work done for linkerd2-proxies.
    pub(crate) fn work(&self) -> Work {
        self.0.lock().unwrap().desk.work()
    }

    /// Clients that have joined.
    pub(crate) fn joined(&self) -> usize {
        self.0.lock().unwrap().clients.len()
    }
}

impl State {
    fn tell(&self, changed: BTreeSet<Key>, renamed: BTreeSet<WorkloadKey>) {
        self.desk.tell(changed, renamed, self.snapshot.clone());
    }

    fn send(&mut self) {
        let next = self.next();
        self.owner.published.send_replace(Some(next));
    }

    fn next(&mut self) -> Arc<Mesh> {
        let state = Arc::new(Mesh {
            sequence: self.sequence,
            snapshot: self.snapshot.clone(),
            uids: self.uids.clone(),
            items: self.items.clone(),
            clients: self.clients.clone(),
        });
        self.states.push(Arc::downgrade(&state));
        state
    }
}

//! A client that behaves as Envoy 1.40 was seen to: it warms, withholds acknowledgements, discards the
//! neighbours of a bad resource, and here panics where the real one would drop a request.

use crate::world::{BROKEN, Thing};
use heddle_model::Name;
use heddle_session::{Request, ResourceType, Response, Variant};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Debug)]
pub(crate) struct Envoy {
    variant: Variant,
    /// By type: what it uses. Of a warming cluster, the new one; the old one still serves.
    pub held: [BTreeMap<Name, Thing>; 4],
    /// Clusters that serve.
    pub active: BTreeSet<Name>,
    warming: BTreeSet<Name>,
    /// It was told of clusters, if only that there are none.
    informed: bool,
    /// Listeners that serve.
    pub serving: BTreeSet<Name>,
    names: [BTreeSet<Name>; 4],
    opened: [bool; 4],
    nonces: [String; 4],
    /// Answers to CDS that wait until nothing warms.
    withheld: Vec<Request>,
    pub out: VecDeque<Request>,
    /// Clusters that it refused: a route to one fails, and nobody can help it.
    pub refused: BTreeSet<(ResourceType, Name)>,
    /// Clusters taken in since they were refused, if they were: whole again once they serve.
    mended: BTreeSet<Name>,
    /// The choice of what a bad response leaves behind.
    pub luck: u64,
    /// Resources received, for tests of silence.
    pub received: usize,
    /// Time ran out for an order to be kept: what it then sees is not judged.
    pub lenient: bool,
}

impl Envoy {
    pub(crate) fn new(variant: Variant) -> Self {
        let mut envoy = Self {
            variant,
            held: Default::default(),
            active: BTreeSet::new(),
            warming: BTreeSet::new(),
            informed: false,
            serving: BTreeSet::new(),
            names: Default::default(),
            opened: [false; 4],
            nonces: Default::default(),
            withheld: Vec::new(),
            out: VecDeque::new(),
            refused: BTreeSet::new(),
            mended: BTreeSet::new(),
            luck: 1,
            received: 0,
            lenient: false,
        };
        envoy.open(ResourceType::Cluster);
        envoy
    }

    fn held(&mut self, ty: ResourceType) -> &mut BTreeMap<Name, Thing> {
        &mut self.held[ty as usize]
    }

    /// The stream broke: what was on the wire is lost, what it holds is not.
    pub(crate) fn reconnect(&mut self) {
        self.out.clear();
        self.withheld.clear();
        self.nonces = Default::default();
        let opened = std::mem::take(&mut self.opened);
        for ty in ResourceType::ALL {
            // While a cluster warms, CDS is paused.
            if opened[ty as usize] && (ty != ResourceType::Cluster || self.warming.is_empty()) {
                self.open(ty);
            }
        }
        if self.warming.is_empty() {
            self.warmed();
        }
    }

    fn open(&mut self, ty: ResourceType) {
        let mut request = self.request(ty);
        if self.variant == Variant::Delta {
            request.subscribe = self.names[ty as usize].iter().cloned().collect();
            let versions = self.held[ty as usize].iter();
            request.versions =
                versions.map(|(name, thing)| (name.clone(), thing.version().to_string())).collect();
        }
        self.opened[ty as usize] = true;
        self.out.push_back(request);
    }

    /// A request that changes nothing: in state of the world it repeats the list and the last nonce.
    fn request(&self, ty: ResourceType) -> Request {
        let mut request = Request::new(ty);
        if self.variant == Variant::Sotw {
            request.subscribe = self.names[ty as usize].iter().cloned().collect();
            request.nonce.clone_from(&self.nonces[ty as usize]);
        }
        request
    }

    fn subscribe(&mut self, ty: ResourceType, wanted: BTreeSet<Name>) {
        let before = std::mem::replace(&mut self.names[ty as usize], wanted.clone());
        if before == wanted {
            return;
        }
        self.held(ty).retain(|name, _| wanted.contains(name));
        if !self.opened[ty as usize] {
            return self.open(ty);
        }
        let mut request = self.request(ty);
        if self.variant == Variant::Delta {
            request.subscribe = wanted.difference(&before).cloned().collect();
            request.unsubscribe = before.difference(&wanted).cloned().collect();
        }
        self.out.push_back(request);
    }

    pub(crate) fn receive(&mut self, response: Response) {
        let ty = response.ty;
        let things: Vec<Thing> = response.resources.iter().map(Thing::read).collect();
        assert!(things.iter().all(|thing| thing.ty == ty), "{things:?} came as {ty:?}");
        self.received += things.len() + response.removed.len();
        self.nonces[ty as usize].clone_from(&response.nonce);
        let mut removed = response.removed;
        if self.variant == Variant::Sotw && ty.is_root() {
            let listed: BTreeSet<&Name> = things.iter().map(|thing| &thing.name).collect();
            removed = self.held[ty as usize].keys().filter(|name| !listed.contains(name)).cloned().collect();
        }
        let error = match ty {
            ResourceType::Cluster => self.clusters(things, &removed),
            ResourceType::Endpoint => self.endpoints(things, &removed),
            ResourceType::Listener => self.listeners(things, &removed),
            ResourceType::Route => self.routes(things),
        };
        let mut answer = self.request(ty);
        answer.nonce = response.nonce;
        answer.error = error;
        match ty {
            ResourceType::Cluster => {
                self.informed = true;
                self.withheld.push(answer);
            }
            ResourceType::Endpoint | ResourceType::Listener | ResourceType::Route => {
                self.out.push_back(answer)
            }
        }
        self.follow();
        if self.warming.is_empty() {
            self.warmed();
        }
    }

    /// Accepts each resource by itself and names those it does not.
    fn split(&mut self, ty: ResourceType, things: Vec<Thing>) -> (Vec<Thing>, Option<String>) {
        let (bad, good): (Vec<_>, Vec<_>) = things.into_iter().partition(|thing| thing.poison);
        for thing in &good {
            // What it holds may come again while the newer one stays refused.
            if ty != ResourceType::Cluster && self.held[ty as usize].get(&thing.name) != Some(thing) {
                self.refused.remove(&(ty, thing.name.clone()));
            }
        }
        for thing in bad.iter().filter(|_| ty == ResourceType::Cluster) {
            self.mended.remove(&thing.name);
        }
        let texts: Vec<String> = bad.iter().map(|thing| format!("{}: poison", thing.name)).collect();
        self.refused.extend(bad.into_iter().map(|thing| (ty, thing.name)));
        let error = format!("Error adding/updating {ty:?}(s) {}", texts.join(", "));
        (good, (!texts.is_empty()).then_some(error))
    }

    /// Accepts all, or discards an arbitrary part with the bad ones and names none.
    fn gamble(&mut self, ty: ResourceType, things: Vec<Thing>) -> (Vec<Thing>, Option<String>) {
        let alone = things.len() == 1;
        let (mut good, error) = self.split(ty, things);
        if error.is_some() {
            good.retain(|_| {
                self.luck = self.luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                self.luck >> 63 == 0
            });
        }
        if !alone && error.is_some() {
            self.refused.retain(|(of, _)| *of != ty);
        }
        (good, error.map(|_| "something is wrong".to_string()))
    }

    fn clusters(&mut self, things: Vec<Thing>, removed: &[Name]) -> Option<String> {
        for name in removed {
            self.held(ResourceType::Cluster).remove(name);
            self.active.remove(name);
            self.warming.remove(name);
            self.refused.remove(&(ResourceType::Cluster, name.clone()));
        }
        let (good, error) = self.split(ResourceType::Cluster, things);
        for thing in good {
            let same = self.held[0].get(&thing.name) == Some(&thing);
            if !same {
                self.warming.insert(thing.name.clone());
                self.mended.insert(thing.name.clone());
                self.held(ResourceType::Cluster).insert(thing.name.clone(), thing);
            }
        }
        self.judge();
        error
    }

    fn endpoints(&mut self, things: Vec<Thing>, removed: &[Name]) -> Option<String> {
        let (good, error) = self.gamble(ResourceType::Endpoint, things);
        for thing in &good {
            self.judge_endpoints(thing);
        }
        if error.is_some() {
            // A failed update ends every wait.
            std::mem::take(&mut self.warming).into_iter().for_each(|name| self.activate(name));
        }
        for name in removed {
            if self.warming.remove(name) {
                self.activate(name.clone());
            }
        }
        for thing in good {
            if self.warming.remove(&thing.name) {
                self.activate(thing.name.clone());
            }
            if self.names[ResourceType::Endpoint as usize].contains(&thing.name) {
                self.held(ResourceType::Endpoint).insert(thing.name.clone(), thing);
            }
        }
        error
    }

    fn activate(&mut self, name: Name) {
        if self.mended.contains(&name) {
            self.refused.remove(&(ResourceType::Cluster, name.clone()));
        }
        self.active.insert(name);
    }

    fn listeners(&mut self, things: Vec<Thing>, removed: &[Name]) -> Option<String> {
        for name in removed {
            self.held(ResourceType::Listener).remove(name);
            self.serving.remove(name);
            self.refused.remove(&(ResourceType::Listener, name.clone()));
        }
        let (good, error) = self.split(ResourceType::Listener, things);
        for thing in good {
            self.held(ResourceType::Listener).insert(thing.name.clone(), thing);
        }
        self.judge();
        error
    }

    fn routes(&mut self, things: Vec<Thing>) -> Option<String> {
        let (good, error) = self.gamble(ResourceType::Route, things);
        for thing in good {
            if self.names[ResourceType::Route as usize].contains(&thing.name) {
                self.held(ResourceType::Route).insert(thing.name.clone(), thing);
            }
        }
        self.judge();
        error
    }

    /// Asks for what it now refers to.
    fn follow(&mut self) {
        let named = |things: &BTreeMap<Name, Thing>, ty| -> BTreeSet<Name> {
            things.values().flat_map(|thing| thing.needs_of(ty).cloned().collect::<Vec<_>>()).collect()
        };
        let endpoints = named(&self.held[ResourceType::Cluster as usize], ResourceType::Endpoint);
        let routes = named(&self.held[ResourceType::Listener as usize], ResourceType::Route);
        self.subscribe(ResourceType::Endpoint, endpoints);
        self.subscribe(ResourceType::Route, routes);
    }

    /// Nothing warms: CDS is answered, or asked for again after a broken stream, and then listeners are asked for.
    fn warmed(&mut self) {
        if !self.opened[ResourceType::Cluster as usize] {
            self.open(ResourceType::Cluster);
        }
        self.out.extend(self.withheld.drain(..));
        if self.informed && !self.opened[ResourceType::Listener as usize] {
            self.open(ResourceType::Listener);
        }
    }

    /// Returns what it asks for by name.
    pub(crate) fn asked_for(&self) -> Vec<(ResourceType, Name)> {
        let names = |ty: ResourceType| self.names[ty as usize].iter().map(move |name| (ty, name.clone()));
        ResourceType::ALL.into_iter().flat_map(names).collect()
    }

    pub(crate) fn is_warming(&self) -> bool {
        !self.warming.is_empty()
    }

    /// Every listener and route goes to clusters that serve.
    fn judge(&self) {
        let users = [ResourceType::Listener, ResourceType::Route].map(|ty| self.held[ty as usize].values());
        for thing in users.into_iter().flatten() {
            for cluster in thing.needs_of(ResourceType::Cluster) {
                let excused = cluster.as_str() == BROKEN
                    || self.refused.contains(&(ResourceType::Cluster, cluster.clone()))
                    || self.lenient;
                assert!(excused || self.active.contains(cluster), "{thing:?} goes to no cluster: {self:#?}");
            }
        }
    }

    /// Endpoints carry an identity that their cluster must know. Not so if it never had any, when no
    /// request can go there, or before clusters are asked for: then they are sent to end the wait.
    fn judge_endpoints(&self, endpoints: &Thing) {
        let Some(cluster) = self.held[ResourceType::Cluster as usize].get(&endpoints.name) else { return };
        let excused = self.lenient
            || !self.opened[ResourceType::Cluster as usize]
            || endpoints.data == 255
            || !self.active.contains(&cluster.name)
            || !self.held[ResourceType::Endpoint as usize].contains_key(&cluster.name)
            || self.refused.contains(&(ResourceType::Cluster, cluster.name.clone()));
        assert!(excused || endpoints.data / 16 <= cluster.data, "{endpoints:?} ran ahead of {cluster:?}");
    }
}

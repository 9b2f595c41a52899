//! A session and its client, with a wire between them.

use crate::envoy::Envoy;
use crate::world::{Shared, Thing, World};
use heddle_model::Name;
use heddle_session::{Limits, Notice, Request, ResourceType, Response, Session, Variant, Version};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub(crate) struct Link {
    pub variant: Variant,
    pub world: World,
    pub session: Session<Shared>,
    pub envoy: Envoy,
    pub wire: VecDeque<Response>,
    pub now: u64,
    pub notices: Vec<Notice>,
    /// The types that the client asked for on this stream.
    asked: BTreeSet<ResourceType>,
    /// The client may hold what the session cannot know.
    unsure: bool,
    /// Resources that were refused alone and have not changed.
    quarantined: BTreeMap<(ResourceType, Name), Version>,
    /// The number of times that nothing moved but the clock.
    pub waits: usize,
}

impl Link {
    pub(crate) fn new(variant: Variant, world: World) -> Self {
        Self {
            variant,
            world,
            session: Session::new(variant, Limits::default()),
            envoy: Envoy::new(variant),
            wire: VecDeque::new(),
            now: 0,
            notices: Vec::new(),
            asked: BTreeSet::new(),
            unsure: false,
            quarantined: BTreeMap::new(),
            waits: 0,
        }
    }

    pub(crate) fn poll(&mut self) {
        let world = &self.world;
        self.quarantined.retain(|(ty, name), version| {
            world.thing(*ty, name).is_some_and(|thing| thing.version() == *version)
        });
        for response in self.session.poll(self.now, &self.world) {
            assert!(
                response.removed.is_empty() || self.variant == Variant::Delta,
                "state of the world has no removals"
            );
            self.inspect(&response);
            self.wire.push_back(response);
        }
    }

    /// Nothing that was refused alone comes again.
    fn inspect(&self, response: &Response) {
        for thing in response.resources.iter().map(Thing::read) {
            let key = (thing.ty, thing.name.clone());
            assert_ne!(self.quarantined.get(&key), Some(&thing.version()), "{thing:?} was refused before");
        }
    }

    /// One request arrives. Returns whether there was one.
    pub(crate) fn deliver_request(&mut self) -> bool {
        let Some(request) = self.envoy.out.pop_front() else { return false };
        self.forgive(&request);
        for notice in self.session.receive(request).expect("within the limits") {
            if let Notice::Quarantined { ty, name, version, .. } = &notice {
                self.quarantined.insert((*ty, name.clone()), *version);
            }
            self.notices.push(notice);
        }
        self.poll();
        true
    }

    /// A client that does not name what it holds is sent again what it refused on the stream before.
    fn forgive(&mut self, request: &Request) {
        let first = self.asked.insert(request.ty);
        let warming = request.ty == ResourceType::Endpoint && !self.asked.contains(&ResourceType::Cluster);
        if first && (request.versions.is_empty() || warming) {
            self.quarantined.retain(|(ty, _), _| *ty != request.ty);
        }
    }

    /// One response arrives. Returns whether there was one.
    pub(crate) fn deliver_response(&mut self) -> bool {
        let Some(response) = self.wire.pop_front() else { return false };
        self.envoy.receive(response);
        true
    }

    pub(crate) fn reconnect(&mut self) {
        self.session = Session::resume(self.variant, Limits::default(), self.session.refused());
        self.wire.clear();
        self.asked.clear();
        self.unsure = true;
        // Without the names that it holds, nothing can be kept for it.
        self.envoy.lenient |= self.variant == Variant::Sotw;
        self.envoy.reconnect();
    }

    /// Lets patience end with everything on the wire still under way.
    pub(crate) fn wait(&mut self) {
        self.envoy.lenient = true;
        self.unsure = true;
        self.now += Limits::default().patience;
        self.poll();
    }

    /// Lets everything arrive, and time pass where that is waited for.
    pub(crate) fn settle(&mut self) {
        self.poll();
        for _ in 0..10_000 {
            if self.deliver_response() || self.deliver_request() {
                continue;
            }
            let Some(deadline) = self.session.deadline() else { return };
            assert!(deadline > self.now, "a deadline of the past would be polled for ever");
            self.waits += 1;
            self.now = deadline;
            self.poll();
        }
        panic!("never at rest: {:#?}", self.session.progress());
    }

    /// Checks that the client holds what there is, but for what it refused.
    pub(crate) fn check(&self) {
        for ty in ResourceType::ALL {
            let held = &self.envoy.held[ty as usize];
            let refused = |name: &Name| self.world.thing(ty, name).is_some_and(|thing| thing.poison);
            for (name, thing) in held {
                let excused = refused(name) || self.is_kept(ty, thing) || thing.data == 255;
                assert!(excused || self.world.thing(ty, name) == Some(thing), "holds {thing:?}");
            }
            for name in self.world.names(ty).into_iter().filter(|_| ty.is_root()) {
                assert!(held.contains_key(&name) || refused(&name), "has no {ty:?} {name}");
            }
        }
        assert!(!self.envoy.is_warming(), "a cluster warms for ever");
        for (ty, name) in self.envoy.asked_for() {
            let thing = self.world.thing(ty, &name).filter(|thing| !thing.poison);
            let held = self.envoy.held[ty as usize].get(&name);
            assert!(thing.is_none() || held == thing, "holds {held:?} instead of {thing:?}");
        }
    }

    /// Returns whether something refused still refers to what is gone, so that it was not taken away.
    fn is_kept(&self, ty: ResourceType, thing: &Thing) -> bool {
        let users = |of: ResourceType| self.envoy.held[of as usize].values();
        let refused =
            |one| users(one).filter(move |user| self.envoy.refused.contains(&(one, user.name.clone())));
        match ty {
            ResourceType::Cluster => {
                let unknown = |(ty, _): &(ResourceType, Name)| {
                    matches!(ty, ResourceType::Listener | ResourceType::Route)
                };
                let mut users = refused(ResourceType::Listener).chain(refused(ResourceType::Route));
                self.unsure && self.envoy.refused.iter().any(unknown)
                    || users.any(|user| !user.needs.is_empty())
            }
            ResourceType::Endpoint => self.world.thing(ResourceType::Cluster, &thing.name).is_none(),
            ResourceType::Route => self
                .world
                .thing(ResourceType::Listener, &thing.name)
                .is_none_or(|l| l.poison || l.needs_of(ResourceType::Route).next().is_none()),
            ResourceType::Listener => false,
        }
    }
}

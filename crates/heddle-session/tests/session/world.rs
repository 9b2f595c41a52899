//! A small mesh, as a view.

use bytes::Bytes;
use heddle_model::Name;
use heddle_session::{Resource, ResourceType, Version, View};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// The cluster that routes may name and that never exists.
pub(crate) const BROKEN: &str = "broken";

/// The start of names that are asked for as they are dialled.
pub(crate) const AT: &str = "at:";

/// The data of what does not exist.
const ABSENT: u8 = 255;

/// A resource that a client can read back from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thing {
    pub ty: ResourceType,
    pub name: Name,
    pub data: u8,
    /// The client refuses it.
    pub poison: bool,
    pub needs: Vec<(ResourceType, Name)>,
}

impl Thing {
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n{}", self.ty as u8, self.name, self.data, self.poison);
        for (ty, name) in &self.needs {
            write!(text, "\n{}\n{name}", *ty as u8).expect("a string takes everything");
        }
        text
    }

    pub(crate) fn read(bytes: &Bytes) -> Self {
        let text = std::str::from_utf8(bytes).expect("ours");
        let mut lines = text.lines();
        let mut next = || lines.next();
        let ty = |text: &str| ResourceType::ALL[text.parse::<usize>().expect("a number")];
        let mut thing = Self {
            ty: ty(next().expect("a type")),
            name: next().expect("a name").into(),
            data: next().expect("data").parse().expect("a number"),
            poison: next() == Some("true"),
            needs: Vec::new(),
        };
        while let (Some(of), Some(name)) = (next(), next()) {
            thing.needs.push((ty(of), name.into()));
        }
        thing
    }

    pub(crate) fn version(&self) -> Version {
        let hash = blake3::hash(self.text().as_bytes());
        Version(hash.as_bytes()[..16].try_into().expect("16 of 32"))
    }

    pub(crate) fn needs_of(&self, resource_type: ResourceType) -> impl Iterator<Item = &Name> {
        self.needs.iter().filter(move |(ty, _)| *ty == resource_type).map(|(_, name)| name)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Thing>);

impl Resource for Shared {
    fn name(&self) -> &Name {
        &self.0.name
    }

    fn version(&self) -> Version {
        self.0.version()
    }

    fn body(&self) -> Bytes {
        self.0.text().into()
    }

    fn framed(&self) -> Bytes {
        self.0.text().into()
    }

    fn is_absent(&self) -> bool {
        self.0.data == ABSENT
    }

    fn needs(&self, each: &mut dyn FnMut(ResourceType, &Name)) {
        self.0.needs.iter().for_each(|(ty, name)| each(*ty, name));
    }
}

/// A service: its four resources share its name.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub cluster: u8,
    pub endpoints: u8,
    pub listener: u8,
    /// `None`: the listener goes to the first backend itself.
    pub route: Option<u8>,
    pub backends: BTreeSet<u8>,
    pub poison: Option<ResourceType>,
}

/// In one line, so that a failing history can be read.
impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, endpoints, listener, route, backends, poison } = self;
        let route = route.map_or("-".to_string(), |route| route.to_string());
        let backends: Vec<String> = backends.iter().map(u8::to_string).collect();
        let poison = poison.map_or(String::new(), |ty| format!(" bad {}", ty.url()));
        write!(f, "c{cluster} e{endpoints} l{listener} r{route} to {}{poison}", backends.join(" "))
    }
}

impl Default for Service {
    fn default() -> Self {
        Self {
            cluster: 0,
            endpoints: 0,
            listener: 0,
            route: Some(0),
            backends: BTreeSet::new(),
            poison: None,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub services: BTreeMap<u8, Service>,
    things: BTreeMap<(ResourceType, Name), Shared>,
    sequence: u64,
    log: Vec<(u64, ResourceType, Name)>,
    /// Changes before this sequence are forgotten.
    pub floor: u64,
    /// Services are given to who asks for `at:<service>`, a cluster that hands connections to its listener.
    pub on_demand: bool,
    /// Services whose listeners a client is given before it asks.
    pub used: Vec<u8>,
}

pub(crate) fn name(service: u8) -> Name {
    format!("s{service}").into()
}

impl World {
    pub(crate) fn of(services: &[(u8, Service)]) -> Self {
        let mut world = Self::default();
        world.set(|all| all.extend(services.iter().cloned()));
        world
    }

    /// Changes the services and publishes.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut BTreeMap<u8, Service>)) {
        change(&mut self.services);
        let new = self.project();
        self.sequence += 1;
        let keys: BTreeSet<_> = self.things.keys().chain(new.keys()).cloned().collect();
        for key in keys {
            let text = |things: &BTreeMap<_, Shared>| things.get(&key).map(|shared| shared.0.text());
            if text(&self.things) != text(&new) {
                self.log.push((self.sequence, ResourceType::Cluster, format!("{AT}{}*", key.1).into()));
                self.log.push((self.sequence, key.0, key.1));
            }
        }
        self.things = new;
    }

    /// The cluster that hands connections to a service's listener.
    fn asked(&self, asked: &str) -> Option<Shared> {
        let service: Name = asked.strip_prefix(AT)?.into();
        let listener = self.things.get(&(ResourceType::Listener, service.clone()))?;
        let needs = vec![(ResourceType::Listener, service)];
        let (ty, data, name) = (ResourceType::Cluster, listener.0.data, asked.into());
        Some(Shared(Arc::new(Thing { ty, name, data, poison: false, needs })))
    }

    fn project(&self) -> BTreeMap<(ResourceType, Name), Shared> {
        let mut things = BTreeMap::new();
        for (id, service) in &self.services {
            for thing in self.things_of(*id, service) {
                things.insert((thing.ty, thing.name.clone()), Shared(Arc::new(thing)));
            }
        }
        things
    }

    fn things_of(&self, id: u8, service: &Service) -> Vec<Thing> {
        let exists = |backend: &u8| self.services.contains_key(backend);
        let target = |backend: &u8| if exists(backend) { name(*backend) } else { BROKEN.into() };
        let mut targets: Vec<_> =
            service.backends.iter().map(|backend| (ResourceType::Cluster, target(backend))).collect();
        let own =
            |ty, data, needs| Thing { ty, name: name(id), data, poison: service.poison == Some(ty), needs };
        let mut things = vec![
            own(ResourceType::Cluster, service.cluster, vec![(ResourceType::Endpoint, name(id))]),
            own(ResourceType::Endpoint, service.endpoints, vec![]),
        ];
        match service.route {
            Some(data) => {
                things.push(own(
                    ResourceType::Listener,
                    service.listener,
                    vec![(ResourceType::Route, name(id))],
                ));
                things.push(own(ResourceType::Route, data, targets));
            }
            None => {
                targets.truncate(1);
                things.push(own(ResourceType::Listener, service.listener, targets));
            }
        }
        things
    }

    pub(crate) fn thing(&self, ty: ResourceType, name: &Name) -> Option<&Thing> {
        self.things.get(&(ty, name.clone())).map(|shared| &*shared.0)
    }

    pub(crate) fn names(&self, ty: ResourceType) -> BTreeSet<Name> {
        self.things.keys().filter(|(of, _)| *of == ty).map(|(_, name)| name.clone()).collect()
    }
}

impl View for World {
    type Resource = Shared;

    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn get(&self, ty: ResourceType, name: &Name) -> Option<Shared> {
        let asked = || (ty == ResourceType::Cluster).then(|| self.asked(name)).flatten();
        self.things.get(&(ty, name.clone())).cloned().or_else(asked)
    }

    fn absent(&self, ty: ResourceType, name: &Name) -> Option<Shared> {
        let thing = Thing { ty, name: name.clone(), data: ABSENT, poison: false, needs: vec![] };
        (!ty.is_root() || name.starts_with(AT)).then(|| Shared(Arc::new(thing)))
    }

    fn is_given(&self, _: ResourceType, name: &Name) -> bool {
        !self.on_demand && !name.starts_with(AT)
    }

    fn used(&self) -> Vec<(ResourceType, Name)> {
        self.used.iter().map(|id| (ResourceType::Listener, name(*id))).collect()
    }

    fn for_each_given(&self, ty: ResourceType, each: &mut dyn FnMut(&Shared)) {
        if !self.on_demand {
            self.for_each(ty, each);
        }
    }

    fn for_each(&self, ty: ResourceType, each: &mut dyn FnMut(&Shared)) {
        self.things.iter().filter(|((of, _), _)| *of == ty).for_each(|(_, shared)| each(shared));
    }

    fn changed_since(&self, sequence: u64) -> Option<Vec<(ResourceType, Name)>> {
        let later = self.log.iter().filter(|(at, _, _)| *at > sequence);
        (sequence >= self.floor).then(|| later.map(|(_, ty, name)| (*ty, name.clone())).collect())
    }
}

//! One client's subscription to one type: what it asked for, was sent, and answered.

mod answer;
mod plan;
mod slots;

pub(crate) use plan::{Plan, Step};

use crate::{Refused, Resource, ResourceType, Variant, Version, View};
use heddle_model::Name;
use slots::{Slot, Slots};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Clusters without endpoints that a client is sent for names that it asks for and that nobody has: each costs it some
/// 30 kB. Of more it is told that there is none, and whoever dials them waits for its patience to end.
const STAND_INS: usize = 64;

/// One type of one client's stream.
pub(crate) struct Subscription<R> {
    pub(crate) ty: ResourceType,
    variant: Variant,
    /// The client asked for this type on this stream.
    pub(crate) requested: bool,
    /// It asked for everything of it.
    pub(crate) wildcard: bool,
    slots: Slots<R>,
    /// Compare everything: the difference to the last state is not known.
    compare_all: bool,
    /// The names whose content may differ from what the client was sent.
    pub(crate) dirty: BTreeMap<Name, Reason>,
    /// The time at which each dirty name was first held back.
    waits: BTreeMap<Name, u64>,
    /// A response is due, with nothing new if there is nothing: to a first request, and to make a client let go.
    owed: bool,
    /// Responses without an answer, oldest first.
    pub(crate) flights: VecDeque<InFlight<R>>,
    /// The nonce of the last response.
    nonce: u64,
    /// The first request named what the client holds: it was connected before.
    pub(crate) claimed: bool,
    /// The time at which the first request was first polled.
    pub(crate) opened: Option<u64>,
    /// Sent together with something that was refused; each is sent again alone. What was held before.
    pub(crate) isolated: BTreeMap<Name, ClientState<R>>,
    /// By itself, until it changes. The client may have let go of the name.
    pub(crate) refused: BTreeMap<Name, Refused>,
    pub(crate) sent: Option<u64>,
    pub(crate) settled: Option<u64>,
}

/// The resource that a client holds under one name.
#[derive(Clone)]
pub(crate) enum ClientState<R> {
    /// Nothing, and it was not told so.
    Nothing,
    /// It was told that there is none.
    Gone,
    /// Something that we did not send on this stream, or that a refusal left open. Boxed, as it is rare.
    Unknown(Option<Box<Version>>),
    /// This.
    Has(R),
}

/// The reason for which a name is dirty.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// It may have changed: equal content sends nothing.
    Compare,
    /// The client needs it, changed or not.
    Force,
}

/// A response that is not answered.
pub(crate) struct InFlight<R> {
    nonce: u64,
    sequence: u64,
    at: u64,
    pub(crate) items: Vec<Item<R>>,
    /// Endpoints that clusters of this response wait for, not sent since.
    pub(crate) warming: BTreeSet<Name>,
    /// The names that a complete set brought again, not answered when it was sent.
    repeated: BTreeSet<Name>,
}

/// One name of a response.
pub(crate) struct Item<R> {
    pub(crate) name: Name,
    /// The resource that the client held before.
    pub(crate) old: ClientState<R>,
    /// The resource that it was sent; `None` is a removal.
    new: Option<R>,
}

impl<R: Resource> ClientState<R> {
    /// Returns whether there is something under the name.
    pub(crate) fn is_some(&self) -> bool {
        match self {
            Self::Nothing | Self::Gone => false,
            Self::Unknown(_) | Self::Has(_) => true,
        }
    }

    fn is(&self, version: Version) -> bool {
        match self {
            Self::Nothing | Self::Gone => false,
            Self::Unknown(held) => held.as_deref() == Some(&version),
            Self::Has(resource) => resource.version() == version,
        }
    }
}

impl<R> InFlight<R> {
    /// The time at which it stops holding back what comes after it.
    pub(crate) fn due(&self, patience: u64) -> u64 {
        self.at.saturating_add(patience)
    }
}

impl<R: Resource> Subscription<R> {
    pub(crate) fn new(ty: ResourceType, variant: Variant) -> Self {
        Self {
            ty,
            variant,
            requested: false,
            wildcard: false,
            slots: Slots::new(),
            compare_all: false,
            dirty: BTreeMap::new(),
            waits: BTreeMap::new(),
            owed: false,
            flights: VecDeque::new(),
            nonce: 0,
            claimed: false,
            opened: None,
            isolated: BTreeMap::new(),
            refused: BTreeMap::new(),
            sent: None,
            settled: None,
        }
    }

    /// The first request of the type on this stream.
    ///
    /// `versions` is what the client says it holds. It is owed an answer unless it says that it holds something.
    pub(crate) fn open(&mut self, names: &BTreeSet<Name>, versions: &BTreeMap<Name, String>) {
        self.requested = true;
        self.wildcard = self.ty.is_root() && (names.is_empty() || names.iter().any(is_wildcard));
        self.compare_all = true;
        self.claimed = !versions.is_empty();
        self.owed = self.wildcard && !self.claimed;
        // Who names nothing is another process, or cannot say what it holds and would lose it for want of an answer.
        self.refused.retain(|name, refused| {
            let held = versions.get(name).and_then(|version| Version::parse(version));
            !versions.is_empty() && held != Some(refused.version)
        });
        for (name, version) in versions {
            let named = !is_wildcard(name) && names.contains(name);
            if self.wildcard || named {
                let state = ClientState::Unknown(Version::parse(version).map(Box::new));
                self.slots.insert(name.clone(), Slot { subscribed: named, state });
            }
        }
    }

    /// Adds names. A name that is asked for again is answered again (delta: the client may have lost it).
    pub(crate) fn subscribe(&mut self, name: Name, reason: Reason) {
        if is_wildcard(&name) {
            self.compare_all |= !self.wildcard;
            self.owed |= !self.wildcard;
            self.wildcard |= self.ty.is_root();
            return;
        }
        if self.slots.change(&name, |slot| slot.subscribed = true).is_none() {
            self.slots.insert(name.clone(), Slot { subscribed: true, state: ClientState::Nothing });
        }
        self.mark(name, reason);
    }

    /// Takes names away; the client forgets what it held.
    pub(crate) fn unsubscribe(&mut self, name: &Name) {
        if is_wildcard(name) {
            self.wildcard = false;
            self.slots.retain_subscribed();
            self.compare_all = true;
            return;
        }
        let let_go = |slot: &mut Slot<R>| {
            slot.subscribed = false;
            slot.state.is_some()
        };
        let Some(has) = self.slots.change(name, let_go) else { return };
        if self.wildcard && has {
            return;
        }
        self.slots.remove(name);
        self.dirty.remove(name);
        self.waits.remove(name);
        self.isolated.remove(name);
        // Were what is under way refused, the client would not go back to what it let go.
        for item in self.flights.iter_mut().flat_map(|flight| &mut flight.items) {
            if item.name == *name {
                item.old = ClientState::Nothing;
            }
        }
    }

    /// Sets the whole list of a state-of-the-world request.
    pub(crate) fn replace(&mut self, names: Vec<Name>, first: bool) {
        let wildcard = names.is_empty() && (first || self.wildcard) || names.iter().any(is_wildcard);
        let wildcard = wildcard && self.ty.is_root();
        if wildcard != self.wildcard {
            self.wildcard = wildcard;
            self.compare_all = true;
        }
        let listed: BTreeSet<Name> = names.into_iter().filter(|name| !is_wildcard(name)).collect();
        let subscribed = self.slots.iter().filter(|(_, slot)| slot.subscribed);
        let gone: Vec<Name> =
            subscribed.map(|(name, _)| name.clone()).filter(|name| !listed.contains(name)).collect();
        for name in gone {
            self.unsubscribe(&name);
        }
        if !wildcard {
            self.slots.retain_subscribed();
        }
        for name in listed {
            if !self.slots.get(&name).is_some_and(|slot| slot.subscribed) {
                self.subscribe(name, Reason::Force);
            }
        }
    }

    /// Bytes that are kept for the client alone.
    pub(crate) fn own_bytes(&self) -> usize {
        self.slots.own_bytes()
    }

    /// Returns how many resources the client holds.
    pub(crate) fn held(&self) -> usize {
        self.slots.iter().filter(|(_, slot)| slot.state.is_some()).count()
    }

    pub(crate) fn is_subscribed(&self, name: &str) -> bool {
        self.slots.get(name).is_some_and(|slot| slot.subscribed)
    }

    /// The names that the client gave or was sent and that begin so.
    pub(crate) fn beginning_with<'a>(&'a self, start: &'a str) -> impl Iterator<Item = &'a Name> {
        self.slots.from(start).take_while(move |name| name.starts_with(start))
    }

    /// Returns whether something was sent under a name that is not answered.
    pub(crate) fn is_under_way(&self, name: &Name) -> bool {
        let mut items = self.flights.iter().flat_map(|flight| &flight.items);
        items.any(|item| item.name == *name)
    }

    /// Returns whether one more resource may be held that stands for what does not exist.
    pub(crate) fn has_room_for_stand_in(&self) -> bool {
        self.slots.stand_ins() < STAND_INS
    }

    pub(crate) fn state(&self, name: &str) -> &ClientState<R> {
        self.slots.get(name).map_or(&ClientState::Nothing, |slot| &slot.state)
    }

    /// Notes that `name` may differ from what the client was told.
    pub(crate) fn mark(&mut self, name: Name, reason: Reason) {
        if !self.wildcard && !self.is_subscribed(&name) {
            return;
        }
        let noted = self.dirty.entry(name).or_insert(reason);
        *noted = reason.max(*noted);
    }

    /// Notes that everything may.
    pub(crate) fn mark_all(&mut self) {
        self.compare_all = self.requested;
    }

    /// Brings `dirty` down to what really differs from `view`.
    pub(crate) fn refresh<V: View<Resource = R>>(&mut self, view: &V) {
        let compare = std::mem::take(&mut self.compare_all);
        if compare {
            self.compare(view);
        }
        self.forgive(view);
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.retain(|name, reason| {
            self.adopt(name, view);
            !matches!(self.step(name, *reason, view), Step::Nothing)
        });
        self.dirty = dirty;
        self.waits.retain(|name, _| self.dirty.contains_key(name));
        self.isolated.retain(|name, _| self.dirty.contains_key(name));
        if compare {
            self.slots.pack();
        }
    }

    fn compare<V: View<Resource = R>>(&mut self, view: &V) {
        if self.wildcard {
            view.for_each(self.ty, &mut |resource| {
                if !matches!(self.state(resource.name()), ClientState::Has(held) if held.version() == resource.version()) {
                    self.dirty.entry(resource.name().clone()).or_insert(Reason::Compare);
                }
            });
        }
        for (name, _) in self.slots.iter() {
            self.dirty.entry(name.clone()).or_insert(Reason::Compare);
        }
    }

    /// Forgets refusals of what is not there any more. Whether the client still asks for it does not matter.
    fn forgive<V: View<Resource = R>>(&mut self, view: &V) {
        for (name, refused) in std::mem::take(&mut self.refused) {
            let absent = || view.absent(self.ty, &name).filter(|_| self.is_subscribed(&name));
            match view.get(self.ty, &name).or_else(absent) {
                Some(known) if known.version() == refused.version => drop(self.refused.insert(name, refused)),
                Some(_) => {}
                // It may hold an older one from a stream before, and lets go of what a complete set leaves out.
                None => self.owed |= self.variant == Variant::Sotw && self.ty.is_root(),
            }
        }
    }

    /// Recognises what a client said it holds.
    fn adopt<V: View<Resource = R>>(&mut self, name: &Name, view: &V) {
        let Some(slot) = self.slots.get(name) else { return };
        let ClientState::Unknown(Some(version)) = &slot.state else { return };
        let known = view.get(self.ty, name).or_else(|| view.absent(self.ty, name));
        if let Some(resource) = known.filter(|resource| resource.version() == **version) {
            self.slots.change(name, |slot| slot.state = ClientState::Has(resource));
        }
    }
}

pub(crate) fn is_wildcard(name: &Name) -> bool {
    name.as_str() == "*"
}

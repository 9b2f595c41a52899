//! The plan of the next response of one type.

use super::{ClientState, InFlight, Item, Reason, Slot, Subscription};
use crate::view::endpoints;
use crate::{Resource, ResourceType, Variant, View};
use heddle_model::Name;
use std::collections::BTreeSet;

/// The number of responses that may be without an answer. More than one only if the client lets patience run out.
const FLIGHTS: usize = 8;

/// The step that brings the client up to date under one name.
pub(crate) enum Step<R> {
    /// It is.
    Nothing,
    /// Sending this.
    Send(R),
    /// Saying that there is none.
    Remove,
}

/// The changes of one response.
pub(crate) struct Plan<R> {
    pub(crate) steps: Vec<(Name, Step<R>)>,
    /// Names that a rule of order holds back.
    pub(crate) gated: Vec<Name>,
    /// Names that stay however long that takes.
    pub(crate) kept: Vec<Name>,
}

impl<R: Resource> Subscription<R> {
    /// Returns what the client must be told under `name`.
    pub(crate) fn step<V: View<Resource = R>>(&self, name: &Name, reason: Reason, view: &V) -> Step<R> {
        if !self.wildcard && !self.is_subscribed(name) {
            return Step::Nothing;
        }
        let Some(resource) = view.get(self.ty, name) else {
            return self.vanished(name, reason, view);
        };
        self.offer(resource, name, reason, view)
    }

    /// Sends `resource` unless the client has it or has refused it.
    fn offer<V: View<Resource = R>>(&self, resource: R, name: &Name, reason: Reason, view: &V) -> Step<R> {
        let version = resource.version();
        if self.refused.get(name).is_some_and(|refused| refused.version == version) {
            return self.instead(name, reason, view);
        }
        if reason == Reason::Compare && self.state(name).is(version) {
            return Step::Nothing;
        }
        Step::Send(resource)
    }

    /// Returns what to send of a name whose content was refused: to a client that waits, something that ends the wait.
    fn instead<V: View<Resource = R>>(&self, name: &Name, reason: Reason, view: &V) -> Step<R> {
        if reason == Reason::Compare || self.ty.is_root() {
            return Step::Nothing;
        }
        match self.state(name) {
            ClientState::Has(held) => Step::Send(held.clone()),
            ClientState::Nothing | ClientState::Gone | ClientState::Unknown(_) => {
                view.absent(self.ty, name).map_or(Step::Remove, Step::Send)
            }
        }
    }

    /// Returns what to say of a name that does not exist.
    ///
    /// Endpoints and routes that the client holds are left alone: their cluster or listener goes (or went)
    /// with them, the client then lets go of them by itself, and to empty them before would break requests
    /// under way. A client that waits is answered, in the way that ends its wait.
    fn vanished<V: View<Resource = R>>(&self, name: &Name, reason: Reason, view: &V) -> Step<R> {
        let state = self.state(name);
        let again = reason == Reason::Force;
        if let Some(body) = self.stand_in(name, view) {
            return self.offer(body, name, reason, view);
        }
        match (self.ty, state) {
            (
                ResourceType::Cluster | ResourceType::Listener,
                ClientState::Unknown(_) | ClientState::Has(_),
            ) => Step::Remove,
            (ResourceType::Endpoint | ResourceType::Route, ClientState::Unknown(_) | ClientState::Has(_))
                if !again =>
            {
                Step::Nothing
            }
            (_, ClientState::Gone) if !again => Step::Nothing,
            (_, ClientState::Nothing) if !self.is_subscribed(name) => Step::Nothing,
            (ResourceType::Cluster | ResourceType::Listener, ClientState::Gone | ClientState::Nothing) => {
                Step::Remove
            }
            (ResourceType::Endpoint, ClientState::Gone | ClientState::Nothing)
                if self.variant == Variant::Delta =>
            {
                Step::Remove
            }
            (ResourceType::Endpoint | ResourceType::Route, _) => match view.absent(self.ty, name) {
                Some(body) => self.offer(body, name, reason, view),
                None => Step::Remove,
            },
        }
    }

    /// The cluster that stands for one that is asked for by name and does not exist: an Envoy that was told that there is none
    /// would never ask again.
    fn stand_in<V: View<Resource = R>>(&self, name: &Name, view: &V) -> Option<R> {
        let may = self.ty == ResourceType::Cluster && self.is_subscribed(name);
        let fits = || self.has_room_for_stand_in() || self.state(name).is_some();
        if may && fits() { view.absent(self.ty, name) } else { None }
    }

    /// The names to consider for the next response: of those that must go alone the first that may go at all, else
    /// all that are dirty. One that must wait holds back no other: its cluster may wait for another's endpoints.
    pub(crate) fn candidates(&self, goes: impl Fn(&Name, Reason) -> bool) -> Vec<(Name, Reason)> {
        let dirty = |name: &Name| self.dirty.get(name).map(|reason| (name.clone(), *reason));
        match self.isolated.keys().filter_map(dirty).find(|(name, reason)| goes(name, *reason)) {
            Some(alone) => vec![alone],
            None => self.dirty.iter().map(|(name, reason)| (name.clone(), *reason)).collect(),
        }
    }

    /// Returns whether an unanswered response holds back the next one.
    pub(crate) fn is_blocked(&self, now: u64, patience: u64) -> bool {
        self.flights.back().is_some_and(|flight| now < flight.due(patience))
    }

    /// Returns whether a cluster that the client rebuilds, and whose endpoints it was not sent yet, has changed again:
    /// endpoints of the newer one would fail in the older, and none would leave it waiting.
    pub(crate) fn is_outrun(&self) -> bool {
        let outrun = |flight: &InFlight<R>| {
            let mut rebuilt = flight.items.iter().filter(|item| item.old.is_some());
            rebuilt.any(|item| {
                let endpoints = item.new.iter().flat_map(endpoints);
                let waits = || endpoints.into_iter().any(|name| flight.warming.contains(&name));
                self.dirty.contains_key(&item.name) && waits()
            })
        };
        self.flights.len() < FLIGHTS && self.flights.iter().any(outrun)
    }

    /// Returns whether `name` has been held back for as long as anything is.
    pub(crate) fn is_overdue(&self, name: &Name, now: u64, patience: u64) -> bool {
        self.waits.get(name).is_some_and(|since| now >= since.saturating_add(patience))
    }

    /// Notes what is held back, from now on if it was not before.
    pub(crate) fn hold(&mut self, plan: &Plan<R>, now: u64) {
        for name in &plan.gated {
            self.waits.entry(name.clone()).or_insert(now);
        }
        for name in &plan.kept {
            self.waits.remove(name);
        }
    }

    /// Returns whether `plan` is worth a response. The empty answer to a first request waits for what is held back:
    /// Envoy would take it for the whole and start to serve.
    pub(crate) fn is_due(&self, plan: &Plan<R>) -> bool {
        let visible = |step: &Step<R>| match step {
            Step::Nothing => false,
            Step::Send(_) => true,
            Step::Remove => self.variant == Variant::Delta || self.ty.is_root(),
        };
        plan.steps.iter().any(|(_, step)| visible(step)) || (self.owed && plan.gated.is_empty())
    }

    /// Takes note of `plan` as sent. Without a flight, only what needs no words (state of the world).
    pub(crate) fn commit(&mut self, plan: Plan<R>, nonce: u64, sequence: u64, at: u64) -> InFlight<R> {
        let mut items = Vec::with_capacity(plan.steps.len());
        for (name, step) in plan.steps {
            let new = match step {
                Step::Nothing => continue,
                Step::Send(resource) => Some(resource),
                Step::Remove => None,
            };
            self.dirty.remove(&name);
            self.waits.remove(&name);
            items.push(self.tell(name, new));
        }
        if items.len() > self.slots.len() / 2 {
            self.slots.pack();
        }
        InFlight { nonce, sequence, at, items, warming: BTreeSet::new(), repeated: self.repeated() }
    }

    /// Returns what a response repeats that is sent now.
    fn repeated(&self) -> BTreeSet<Name> {
        if self.variant == Variant::Delta || !self.ty.is_root() {
            return BTreeSet::new();
        }
        let items = self.flights.iter().flat_map(|flight| &flight.items);
        items.map(|item| item.name.clone()).collect()
    }

    fn tell(&mut self, name: Name, new: Option<R>) -> Item<R> {
        let state = new.clone().map_or(ClientState::Gone, ClientState::Has);
        let (name, slot) = match (self.slots.remove(&name), &new) {
            // The client's spelling of the name is let go for the shared one.
            (Some((_, slot)), Some(resource)) => (resource.name().clone(), slot),
            (Some((name, slot)), None) => (name, slot),
            (None, _) => (name, Slot { subscribed: false, state: ClientState::Nothing }),
        };
        let old = self.isolated.remove(&name).unwrap_or(slot.state);
        self.slots.insert(name.clone(), Slot { subscribed: slot.subscribed, state });
        Item { name, old, new }
    }

    /// Waits for the answer to `flight`. A client that answers none of many is taken to have accepted the oldest.
    pub(crate) fn launch(&mut self, flight: InFlight<R>) {
        self.owed = false;
        self.sent = Some(flight.sequence);
        self.nonce = flight.nonce;
        if self.flights.len() == FLIGHTS
            && let Some(oldest) = self.flights.pop_front()
        {
            self.accept(oldest);
        }
        self.flights.push_back(flight);
    }

    /// Notes whether the client holds all of the state `sequence`.
    pub(crate) fn settle(&mut self, sequence: u64) {
        if self.requested && self.flights.is_empty() && !self.is_pending() {
            self.settled = Some(sequence);
        }
    }

    /// The resources of a complete set: what the client holds once everything sent is applied.
    pub(crate) fn complete(&self) -> Vec<R> {
        let held = |(name, slot): (&Name, &Slot<R>)| match (&slot.state, self.isolated.get(name)) {
            (ClientState::Has(resource), _) | (ClientState::Unknown(_), Some(ClientState::Has(resource))) => {
                Some(resource.clone())
            }
            _ => None,
        };
        self.slots.iter().filter_map(held).collect()
    }

    /// Returns whether there is something that the client was not told yet.
    pub(crate) fn is_pending(&self) -> bool {
        !self.dirty.is_empty() || self.owed
    }

    /// The first moment after `now` when something stops holding back something else.
    pub(crate) fn deadline(&self, now: u64, patience: u64) -> Option<u64> {
        let waits = self.waits.values().map(|since| since.saturating_add(patience));
        let flights = self.flights.iter().map(|flight| flight.due(patience));
        waits.chain(flights).filter(|at| *at > now).min()
    }
}

impl<R> Item<R> {
    pub(crate) fn sent(&self) -> Option<&R> {
        self.new.as_ref()
    }
}

//! One client's stream.

use crate::closure::Closure;
use crate::gate::{self, Gate, Verdict};
use crate::scoped::Scoped;
use crate::subscription::{InFlight, Plan, Reason, Step, Subscription, is_wildcard};
use crate::view::endpoints;
use crate::{
    Limits, Notice, Progress, Refusal, Refused, Request, Resource, ResourceType, Response, Variant, View,
};
use bytes::Bytes;
use heddle_model::Name;
use std::collections::BTreeSet;

/// A name of a root type, asked for or let go of.
struct Ask {
    ty: ResourceType,
    name: Name,
    begins: bool,
}

/// One client's stream: see the crate's documentation.
pub struct Session<R> {
    variant: Variant,
    limits: Limits,
    subscriptions: [Subscription<R>; 4],
    closure: Closure,
    /// The names that the client began or ceased to ask for since the last poll.
    asks: Vec<Ask>,
    /// Listeners were taken away that are still there for who asks: the client's scope became smaller.
    lets_go: bool,
    /// The resources that it is given before it asks.
    used: BTreeSet<(ResourceType, Name)>,
    /// The listeners that it says it holds, until it says for which clusters it asks: an Envoy whose clusters warm asks for
    /// listeners first.
    unheard: BTreeSet<Name>,
    /// The state of the last poll.
    sequence: Option<u64>,
    nonce: u64,
    /// The time at which the last poll was.
    now: u64,
}

impl<R: Resource> Session<R> {
    /// A stream of which nothing was read yet.
    pub fn new(variant: Variant, limits: Limits) -> Self {
        let subscriptions = ResourceType::ALL.map(|ty| Subscription::new(ty, variant));
        let (closure, asks) = (Closure::default(), Vec::new());
        let (used, unheard) = (BTreeSet::new(), BTreeSet::new());
        Self {
            variant,
            limits,
            subscriptions,
            closure,
            asks,
            lets_go: false,
            used,
            unheard,
            sequence: None,
            nonce: 0,
            now: 0,
        }
    }

    /// A stream of a client whose stream before had [`Self::refused`] this.
    ///
    /// It stays refused for a client that names what it holds of the type. One that does not is a new process,
    /// which may be luckier, or speaks state of the world: not to send it what it refuses would take away what it
    /// holds in its place.
    pub fn resume(
        variant: Variant,
        limits: Limits,
        refused: impl IntoIterator<Item = (ResourceType, Refused)>,
    ) -> Self {
        let mut session = Self::new(variant, limits);
        for (ty, refused) in refused {
            session.of_mut(ty).refused.insert(refused.name.clone(), refused);
        }
        session
    }

    /// Returns what the client refused and is not sent again until it changes.
    pub fn refused(&self) -> Vec<(ResourceType, Refused)> {
        let of_type = |subscription: &Subscription<R>| -> Vec<_> {
            subscription.refused.values().map(|refused| (subscription.ty, refused.clone())).collect()
        };
        self.subscriptions.iter().flat_map(of_type).collect()
    }

    /// Takes in what the client said. An error ends the stream. Poll afterwards.
    pub fn receive(&mut self, request: Request) -> Result<Vec<Notice>, Refusal> {
        self.limits.admit(&request)?;
        let first = !self.of(request.ty).requested;
        // Nonces count from 1: what is not a number is not ours and answers nothing.
        let nonce = Some(request.nonce.parse().unwrap_or(0)).filter(|_| !request.nonce.is_empty());
        let notices = match nonce {
            Some(nonce) => {
                let text_bytes = self.limits.text_bytes;
                self.of_mut(request.ty).answer(nonce, request.error.as_deref(), text_bytes)
            }
            None => Vec::new(),
        };
        match self.variant {
            Variant::Delta => self.receive_delta(request, first),
            Variant::Sotw => self.receive_sotw(request, first, nonce),
        }
        let came = self.own_bytes();
        if came > self.limits.own_bytes {
            return Err(Refusal::Client { came, limit: self.limits.own_bytes });
        }
        Ok(notices)
    }

    /// Bytes that are kept for this client alone: after a poll, what it names that is no resource of its view.
    pub fn own_bytes(&self) -> usize {
        self.subscriptions.iter().map(Subscription::own_bytes).sum()
    }

    fn receive_delta(&mut self, mut request: Request, first: bool) {
        // An Envoy asks for clusters first, unless one of them still warms: then it may hold endpoints that
        // its new cluster has not seen, and they must be sent whatever it says it holds.
        let warming = request.ty == ResourceType::Endpoint && !self.of(ResourceType::Cluster).requested;
        if !first || warming {
            request.versions.clear();
        }
        self.note_asks(&request, first);
        let subscription = self.of_mut(request.ty);
        if first {
            subscription.open(&request.subscribe.iter().cloned().collect(), &request.versions);
        }
        for name in request.subscribe {
            let known = request.versions.contains_key(&name);
            subscription.subscribe(name, if known { Reason::Compare } else { Reason::Force });
        }
        for name in &request.unsubscribe {
            subscription.unsubscribe(name);
        }
        if first && request.ty == ResourceType::Endpoint {
            self.await_clusters();
        }
    }

    fn note_asks(&mut self, request: &Request, first: bool) {
        let Request { ty, subscribe, unsubscribe, versions, .. } = request;
        if !ty.is_root() {
            return;
        }
        let ask = |name: &Name, begins| Ask { ty: *ty, name: name.clone(), begins };
        self.asks.extend(subscribe.iter().filter(|name| !is_wildcard(name)).map(|name| ask(name, true)));
        self.asks.extend(unsubscribe.iter().map(|name| ask(name, false)));
        match ty {
            ResourceType::Listener if first && !self.of(ResourceType::Cluster).requested => {
                self.unheard = versions.keys().cloned().collect();
            }
            ResourceType::Cluster if first => {
                self.unheard.clear();
                self.of_mut(ResourceType::Listener).mark_all();
            }
            ResourceType::Cluster | ResourceType::Endpoint | ResourceType::Listener | ResourceType::Route => {
            }
        }
    }

    /// Clusters that were sent before their endpoints were asked for wait for them, whatever the client holds.
    fn await_clusters(&mut self) {
        let flights = self.of(ResourceType::Cluster).flights.iter();
        let names: Vec<Name> = flights.flat_map(|flight| &flight.warming).cloned().collect();
        let endpoints = self.of_mut(ResourceType::Endpoint);
        names.into_iter().for_each(|name| endpoints.mark(name, Reason::Force));
    }

    fn receive_sotw(&mut self, request: Request, first: bool, nonce: Option<u64>) {
        let subscription = self.of_mut(request.ty);
        if first {
            subscription.open(&request.subscribe.iter().cloned().collect(), &request.versions);
        }
        // A list that crossed a response on the wire counts: it may be the only word of a name that was let go and
        // then asked for again.
        if first || nonce.is_none_or(|nonce| subscription.is_ours(nonce)) {
            subscription.replace(request.subscribe, first);
        }
    }

    /// Returns what to send now, in order. `now` is in milliseconds on any clock that never goes back.
    pub fn poll<V: View<Resource = R>>(&mut self, now: u64, view: &V) -> Vec<Response> {
        self.now = now;
        let mut closure = std::mem::take(&mut self.closure);
        self.catch_up(&mut closure, view);
        let unheard = std::mem::take(&mut self.unheard);
        let responses = match self.variant {
            Variant::Delta => self.respond(&Scoped { view, closure: &closure, unheard: &unheard }),
            // A complete set cannot be added to by name: Envoy would take the names for all that it asks for.
            Variant::Sotw => self.respond(view),
        };
        (self.closure, self.unheard) = (closure, unheard);
        responses
    }

    /// Notes what may differ since the last poll, for what the client asks and by what changed.
    fn catch_up<V: View<Resource = R>>(&mut self, closure: &mut Closure, view: &V) {
        for Ask { ty, name, begins } in std::mem::take(&mut self.asks) {
            if begins {
                closure.add(ty, name, view);
            } else {
                closure.remove(ty, &name);
            }
        }
        let last = self.sequence.replace(view.sequence());
        if last != Some(view.sequence()) {
            match last.and_then(|last| view.changed_since(last)) {
                Some(changed) => {
                    for (ty, changed) in changed {
                        for name in self.meant(ty, changed) {
                            closure.refresh(ty, &name, view);
                            self.of_mut(ty).mark(name, Reason::Compare);
                        }
                    }
                }
                None => {
                    closure.refresh_all(view);
                    self.subscriptions.iter_mut().for_each(Subscription::mark_all);
                }
            }
            self.follow_used(closure, view);
        }
        for (ty, name) in closure.take_moved() {
            self.of_mut(ty).mark(name, Reason::Compare);
        }
    }

    fn follow_used<V: View<Resource = R>>(&mut self, closure: &mut Closure, view: &V) {
        let used: BTreeSet<(ResourceType, Name)> = view.used().into_iter().collect();
        for (ty, name) in used.difference(&self.used) {
            closure.hold((*ty, name.clone()), view);
        }
        for key in self.used.difference(&used) {
            closure.release(key);
        }
        self.used = used;
    }

    /// The names that a changed one stands for.
    fn meant(&self, ty: ResourceType, name: Name) -> Vec<Name> {
        match name.strip_suffix('*') {
            Some(start) => self.of(ty).beginning_with(start).cloned().collect(),
            None => vec![name],
        }
    }

    fn respond<V: View<Resource = R>>(&mut self, view: &V) -> Vec<Response> {
        let now = self.now;
        for subscription in &mut self.subscriptions {
            subscription.refresh(view);
        }
        for subscription in self.subscriptions.iter_mut().filter(|subscription| subscription.requested) {
            subscription.opened.get_or_insert(now);
        }
        let responses =
            ResourceType::ALL.into_iter().filter_map(|ty| self.poll_type(ty, now, view)).collect();
        for subscription in &mut self.subscriptions {
            subscription.settle(view.sequence());
        }
        responses
    }

    fn poll_type<V: View<Resource = R>>(&mut self, ty: ResourceType, now: u64, view: &V) -> Option<Response> {
        let subscription = self.of(ty);
        let blocked = subscription.is_blocked(now, self.limits.patience) && !subscription.is_outrun();
        if !subscription.requested || blocked {
            return None;
        }
        let mut flight = self.next_flight(ty, now, view)?;
        match ty {
            ResourceType::Cluster => self.follow(&mut flight),
            ResourceType::Endpoint => self.warm(&flight),
            ResourceType::Listener => {
                let mut removed = flight.items.iter().filter(|item| item.sent().is_none());
                self.lets_go |= removed.any(|item| view.is_withheld(ty, &item.name));
            }
            ResourceType::Route => {}
        }
        let response = self.response(ty, &flight, view.sequence());
        self.of_mut(ty).launch(flight);
        Some(response)
    }

    /// The next response, if there is something to say. What needs no words is noted on the way: behind a name that
    /// must go alone there may be others.
    fn next_flight<V: View<Resource = R>>(
        &mut self,
        ty: ResourceType,
        now: u64,
        view: &V,
    ) -> Option<InFlight<R>> {
        loop {
            let plan = self.plan(ty, now, view);
            let due = self.of(ty).is_due(&plan);
            self.of_mut(ty).hold(&plan, now);
            if !due && plan.steps.is_empty() {
                return None;
            }
            self.nonce += u64::from(due);
            let nonce = self.nonce;
            let flight = self.of_mut(ty).commit(plan, nonce, view.sequence(), now);
            if due {
                return Some(flight);
            }
        }
    }

    fn plan<V: View<Resource = R>>(&self, ty: ResourceType, now: u64, view: &V) -> Plan<R> {
        let [clusters, endpoints, listeners, routes] = &self.subscriptions;
        let early =
            if ty == ResourceType::Endpoint { gate::early(clusters, view) } else { Default::default() };
        let patience = self.limits.patience;
        let lets_go = self.lets_go;
        let gate = Gate { clusters, endpoints, listeners, routes, early, lets_go, now, patience };
        let subscription = self.of(ty);
        let mut plan = Plan { steps: Vec::new(), gated: Vec::new(), kept: Vec::new() };
        let mut removals = Vec::new();
        let mut held_back = false;
        let goes = |name: &Name, reason| {
            let verdict = gate.ask(ty, name, reason, &subscription.step(name, reason, view), view);
            verdict == Verdict::Go || verdict == Verdict::Wait && subscription.is_overdue(name, now, patience)
        };
        for (name, reason) in subscription.candidates(goes) {
            let step = subscription.step(&name, reason, view);
            let go = match gate.ask(ty, &name, reason, &step, view) {
                Verdict::Go => true,
                Verdict::Wait => subscription.is_overdue(&name, now, patience),
                Verdict::Stay => {
                    plan.kept.push(name);
                    continue;
                }
            };
            match step {
                _ if !go => {
                    held_back |= !matches!(step, Step::Remove);
                    plan.gated.push(name);
                }
                Step::Remove => removals.push(name),
                Step::Nothing | Step::Send(_) => plan.steps.push((name, step)),
            }
        }
        // A listener that goes may make room for one that still waits: they go together.
        for name in removals {
            let wait =
                ty == ResourceType::Listener && held_back && !subscription.is_overdue(&name, now, patience);
            if wait {
                plan.gated.push(name);
            } else {
                plan.steps.push((name, Step::Remove));
            }
        }
        plan
    }

    /// Marks the endpoints of the clusters in `flight`: Envoy waits for them and does not ask.
    fn follow(&mut self, flight: &mut InFlight<R>) {
        let names = flight.items.iter().filter_map(|item| item.sent()).flat_map(endpoints);
        flight.warming = names.collect();
        let endpoints = self.of_mut(ResourceType::Endpoint);
        for name in
            flight.warming.iter().filter(|name| endpoints.is_subscribed(name)).cloned().collect::<Vec<_>>()
        {
            endpoints.mark(name, Reason::Force);
        }
    }

    /// Notes that clusters got the endpoints they wait for.
    fn warm(&mut self, flight: &InFlight<R>) {
        for clusters in &mut self.of_mut(ResourceType::Cluster).flights {
            for item in &flight.items {
                clusters.warming.remove(&item.name);
            }
        }
    }

    fn response(&self, ty: ResourceType, flight: &InFlight<R>, sequence: u64) -> Response {
        let sent = || flight.items.iter().filter_map(|item| item.sent().cloned());
        let (resources, removed): (Vec<R>, Vec<Name>) = match self.variant {
            Variant::Sotw if ty.is_root() => (self.of(ty).complete(), Vec::new()),
            Variant::Sotw => (sent().collect(), Vec::new()),
            Variant::Delta => {
                let removed = flight.items.iter().filter(|item| item.sent().is_none());
                (sent().collect(), removed.map(|item| item.name.clone()).collect())
            }
        };
        let frame = |resource: &R| -> Bytes {
            match self.variant {
                Variant::Delta => resource.framed(),
                Variant::Sotw => resource.body(),
            }
        };
        Response {
            ty,
            nonce: self.nonce.to_string(),
            version: fingerprint(&resources, &removed),
            resources: resources.iter().map(frame).collect(),
            removed,
            sequence,
        }
    }

    /// The time at which to poll again if nothing happens before, on the clock of [`Self::poll`].
    pub fn deadline(&self) -> Option<u64> {
        if !self.subscriptions.iter().any(Subscription::is_pending) {
            return None;
        }
        let patience = self.limits.patience;
        self.subscriptions.iter().filter_map(|subscription| subscription.deadline(self.now, patience)).min()
    }

    /// Returns where the client stands with each type that it asked for.
    pub fn progress(&self) -> Vec<Progress> {
        let requested = self.subscriptions.iter().filter(|subscription| subscription.requested);
        requested.map(progress).collect()
    }

    fn of(&self, ty: ResourceType) -> &Subscription<R> {
        &self.subscriptions[ty as usize]
    }

    fn of_mut(&mut self, ty: ResourceType) -> &mut Subscription<R> {
        &mut self.subscriptions[ty as usize]
    }
}

fn progress<R: Resource>(subscription: &Subscription<R>) -> Progress {
    Progress {
        ty: subscription.ty,
        wildcard: subscription.wildcard,
        held: subscription.held(),
        sent: subscription.sent,
        settled: subscription.settled,
        unanswered: subscription.flights.len(),
        pending: subscription.dirty.len(),
        refused: subscription.refused.values().cloned().collect(),
    }
}

/// A hash over what a response holds: equal responses are called alike on every replica.
fn fingerprint<R: Resource>(resources: &[R], removed: &[Name]) -> String {
    let mut hash = blake3::Hasher::new();
    for resource in resources {
        hash.update(resource.name().as_bytes()).update(&[0]).update(&resource.version().0);
    }
    for name in removed {
        hash.update(name.as_bytes()).update(&[1]);
    }
    hash.finalize().to_hex()[..16].to_string()
}

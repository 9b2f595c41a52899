//! Make before break: what waits for what, across types.

use crate::subscription::{ClientState, Reason, Step, Subscription};
use crate::view::endpoints;
use crate::{Resource, ResourceType, View};
use heddle_model::Name;
use std::collections::BTreeSet;

/// The subscriptions of a client, as one response is planned.
pub(crate) struct Gate<'a, R> {
    pub(crate) clusters: &'a Subscription<R>,
    pub(crate) endpoints: &'a Subscription<R>,
    pub(crate) listeners: &'a Subscription<R>,
    pub(crate) routes: &'a Subscription<R>,
    /// Endpoints of clusters whose change is not sent yet.
    pub(crate) early: BTreeSet<Name>,
    /// Listeners were taken away that are still there for who asks.
    pub(crate) lets_go: bool,
    pub(crate) now: u64,
    pub(crate) patience: u64,
}

/// The judgement of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    /// Not before something else, or before patience ends.
    Wait,
    /// Not before something else, however long that takes.
    Stay,
}

impl<R: Resource> Gate<'_, R> {
    /// Returns whether `step` may be taken under `name`.
    pub(crate) fn ask<V: View<Resource = R>>(
        &self,
        ty: ResourceType,
        name: &Name,
        reason: Reason,
        step: &Step<R>,
        view: &V,
    ) -> Verdict {
        match (ty, step) {
            (_, Step::Nothing) => Verdict::Go,
            (ResourceType::Cluster, Step::Send(resource)) => stay_if(!self.is_served(resource, view)),
            // The connections that such a listener has are served to their end.
            (ResourceType::Cluster, Step::Remove) if self.lets_go && view.is_withheld(ty, name) => {
                Verdict::Stay
            }
            (ResourceType::Cluster, Step::Remove) => self.remove_cluster(name),
            (ResourceType::Endpoint, _) => wait_if(self.is_early(name, reason)),
            (ResourceType::Listener | ResourceType::Route, Step::Send(resource)) => {
                wait_if(!self.is_usable(resource, view))
            }
            (ResourceType::Listener | ResourceType::Route, Step::Remove) => Verdict::Go,
        }
    }

    /// A cluster stays while the client may hold a listener or route that refers to it and is to be replaced.
    fn remove_cluster(&self, name: &Name) -> Verdict {
        if !self.clusters.state(name).is_some() {
            return Verdict::Go;
        }
        let kept = |user: &Subscription<R>| {
            user.refused.keys().any(|refused| self.refers(user.state(refused), name))
        };
        if kept(self.listeners) || kept(self.routes) {
            return Verdict::Stay;
        }
        wait_if(self.is_unheard() || self.is_used(self.listeners, name) || self.is_used(self.routes, name))
    }

    /// A client that has just come back may hold listeners and routes that it did not name yet.
    fn is_unheard(&self) -> bool {
        let heard = self.listeners.requested && self.routes.requested;
        let young = self.clusters.opened.is_none_or(|at| self.now < at.saturating_add(self.patience));
        self.clusters.claimed && young && !heard
    }

    fn is_used(&self, user: &Subscription<R>, name: &Name) -> bool {
        let flights = user.flights.iter().filter(|flight| self.now < flight.due(self.patience));
        // What was sent counts as well: its name may have been let go and asked for again since.
        flights.flat_map(|flight| &flight.items).any(|item| {
            self.refers(&item.old, name)
                || item.sent().is_some_and(|new| self.refers(&ClientState::Has(new.clone()), name))
        }) || user.isolated.values().any(|old| self.refers(old, name))
            || user.dirty.keys().any(|dirty| self.refers(user.state(dirty), name))
    }

    /// Returns whether a listener or route refers to a cluster, or may; a listener also by the routes it uses.
    fn refers(&self, state: &ClientState<R>, cluster: &Name) -> bool {
        let ClientState::Has(resource) = state else { return state.is_some() };
        let mut found = false;
        resource.needs(&mut |ty, name| {
            found |= match ty {
                ResourceType::Cluster => name == cluster,
                ResourceType::Route => may_need(self.routes.state(name), cluster),
                ResourceType::Endpoint | ResourceType::Listener => false,
            }
        });
        found
    }

    /// Endpoints run ahead of their cluster if its change is not sent, or not even asked for: an Envoy that lost
    /// its stream asks for clusters when none of them warms. It is answered what it asks for itself.
    fn is_early(&self, name: &Name, reason: Reason) -> bool {
        let young = self.endpoints.opened.is_none_or(|at| self.now < at.saturating_add(self.patience));
        let unasked = !self.clusters.requested && young && reason == Reason::Compare;
        unasked || (self.early.contains(name) && !self.is_warming(name))
    }

    /// The client has the cluster but not yet the endpoints that it waits for.
    fn is_warming(&self, name: &Name) -> bool {
        self.clusters.flights.iter().any(|flight| flight.warming.contains(name))
    }

    /// Returns whether the listeners serve to which a cluster hands connections: the client has taken them in, with all that
    /// they need.
    fn is_served<V: View<Resource = R>>(&self, cluster: &R, view: &V) -> bool {
        let mut served = true;
        cluster.needs(&mut |ty, name| {
            served &= ty != ResourceType::Listener || self.is_taken_in(ty, name, view)
        });
        served
    }

    fn is_taken_in<V: View<Resource = R>>(&self, ty: ResourceType, name: &Name, view: &V) -> bool {
        let user = match ty {
            ResourceType::Cluster => self.clusters,
            ResourceType::Endpoint => self.endpoints,
            ResourceType::Listener => self.listeners,
            ResourceType::Route => self.routes,
        };
        let ClientState::Has(resource) = user.state(name) else {
            // The share of a broken backend is never defined.
            return view.get(ty, name).is_none() && view.absent(ty, name).is_none();
        };
        let mut taken_in = !user.is_under_way(name);
        resource.needs(&mut |ty, name| taken_in &= self.is_taken_in(ty, name, view));
        taken_in
    }

    /// Returns whether the client has taken in every cluster that `resource` refers to, or never will.
    fn is_usable<V: View<Resource = R>>(&self, resource: &R, view: &V) -> bool {
        // A client that asks for clusters by name learns the names from what waits here. One that asks for all
        // listeners will ask for all clusters, too; after a broken stream an Envoy whose clusters warm asks late.
        if !self.clusters.wildcard && (self.clusters.requested || !self.listeners.wildcard) {
            return true;
        }
        let mut usable = true;
        resource.needs(&mut |ty, name| {
            usable &= ty != ResourceType::Cluster || self.is_settled(name) || view.get(ty, name).is_none();
        });
        usable
    }

    fn is_settled(&self, name: &Name) -> bool {
        if self.clusters.refused.contains_key(name) {
            return true;
        }
        let young = self.clusters.flights.iter().filter(|flight| self.now < flight.due(self.patience));
        let mut young = young.flat_map(|flight| &flight.items);
        self.clusters.state(name).is_some() && !young.any(|item| item.name == *name && !item.old.is_some())
    }
}

/// Returns whether a route refers to a cluster, or may.
fn may_need<R: Resource>(state: &ClientState<R>, cluster: &Name) -> bool {
    let ClientState::Has(resource) = state else { return state.is_some() };
    let mut found = false;
    resource.needs(&mut |ty, name| found |= ty == ResourceType::Cluster && name == cluster);
    found
}

fn wait_if(wait: bool) -> Verdict {
    if wait { Verdict::Wait } else { Verdict::Go }
}

fn stay_if(stay: bool) -> Verdict {
    if stay { Verdict::Stay } else { Verdict::Go }
}

/// The endpoints of clusters whose change `clusters` has not sent.
pub(crate) fn early<V: View>(clusters: &Subscription<V::Resource>, view: &V) -> BTreeSet<Name> {
    let mut early = BTreeSet::new();
    for (name, reason) in &clusters.dirty {
        if let Step::Send(resource) = clusters.step(name, *reason, view) {
            early.extend(endpoints(&resource));
        }
    }
    early
}

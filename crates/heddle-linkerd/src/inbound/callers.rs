//! Sets of callers: from some networks, and anyone or some clients.

use super::client::Clients;
use super::told::{Excess, Told, ToldRule};
use crate::net;
use heddle_model::SourceRef;
use heddle_model::access::{Access, Action, Network, Peer, Posture};
use heddle_model::fact::{Mesh, Mtls};
use ipnet::IpNet;
use std::collections::BTreeSet;

/// Who may have an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everyone has one.
    Everyone,
    /// Some.
    Some,
    /// Nobody.
    Nobody,
}

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// With an identity or without.
    Anyone,
    /// Any of these.
    Clients(BTreeSet<Clients>),
}

/// Callers who are admitted, and by what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    /// The policy; `None` is the posture.
    pub(crate) by: Option<SourceRef>,
    pub(crate) networks: Vec<Network>,
    pub(crate) who: Who,
}

/// Everyone who is admitted.
#[derive(Default)]
pub(crate) struct Admitted {
    pub(crate) grants: Vec<Grant>,
    pub(crate) excess: Vec<Excess>,
}

/// Callers who are refused.
struct Refused {
    networks: Vec<Network>,
    /// `None` is everyone.
    who: Option<BTreeSet<Clients>>,
}

impl Mode {
    pub(crate) fn of(mtls: Mtls) -> Self {
        match mtls {
            Mtls::Strict => Self::Everyone,
            Mtls::Permissive => Self::Some,
            Mtls::Disabled => Self::Nobody,
        }
    }

    /// Those that there can be of these callers; `None` is nobody.
    fn narrowed(self, who: Who) -> Option<Who> {
        match (self, who) {
            (Self::Everyone, Who::Anyone) => Some(Who::Clients([Clients::Mesh].into())),
            (Self::Some | Self::Nobody, Who::Anyone) => Some(Who::Anyone),
            (Self::Everyone | Self::Some, Who::Clients(clients)) => {
                (!clients.is_empty()).then_some(Who::Clients(clients))
            }
            (Self::Nobody, Who::Clients(_)) => None,
        }
    }
}

/// Who may send bytes. There is nothing in them to know a request by: an Allow that speaks of requests admits nothing,
/// a Deny forgets what it says of them, and where only routes are served nothing is.
pub(crate) fn of_bytes(access: &Access, policies: &[Told], mode: Mode, mesh: &Mesh) -> Admitted {
    if access.routed.is_some() {
        return Admitted::default();
    }
    let granted = |_: &Told, rule: &ToldRule| !rule.minds_requests;
    let mut grants = granted_by(access, policies, (&|_| true, &granted), mode, mesh);
    let mut excess = Vec::new();
    for policy in policies.iter().filter(|policy| policy.action == Action::Deny) {
        for refused in policy.rules.iter().flat_map(|rule| refused_by(rule, mode, mesh)) {
            let (left, is_exact) = without(&grants, &refused);
            grants = left;
            if !is_exact {
                excess.push(Excess::Bytes(policy.source.clone()));
            }
        }
    }
    Admitted { grants, excess }
}

/// Who may send the requests of one route: a match, and the clients it is about (`None`: those that no Deny names).
/// Whichever policy covers a part of the route covers it all, or it would be a route of its own.
pub(crate) fn of_requests(
    access: &Access,
    policies: &[Told],
    cell: &super::cell::Cell,
    mode: Mode,
    mesh: &Mesh,
) -> Vec<Grant> {
    let covers = |policy: &Told| policy.covers.as_ref().is_none_or(|of| cell.is_within_any(of));
    let matches = |policy: &Told, rule: &ToldRule| {
        covers(policy) && rule.requests.as_ref().is_none_or(|of| cell.is_within_any(of))
    };
    let mut grants = granted_by(access, policies, (&covers, &matches), mode, mesh);
    for policy in policies.iter().filter(|policy| policy.action == Action::Deny) {
        for rule in policy.rules.iter().filter(|rule| matches(policy, rule)) {
            for Refused { networks, who } in refused_by(rule, mode, mesh) {
                let is_meant = who.is_none_or(|who| cell.is_of(&who));
                if is_meant {
                    grants = without(&grants, &Refused { networks, who: None }).0;
                }
            }
        }
    }
    grants
}

type Covers<'f> = &'f dyn Fn(&Told) -> bool;
type Matches<'f> = &'f dyn Fn(&Told, &ToldRule) -> bool;

/// What the Allows admit together, or the posture where none covers.
fn granted_by(
    access: &Access,
    policies: &[Told],
    (covers, matches): (Covers, Matches),
    mode: Mode,
    mesh: &Mesh,
) -> Vec<Grant> {
    let allows = policies.iter().filter(|policy| policy.action == Action::Allow && covers(policy));
    let mut all = BTreeSet::new();
    let mut is_covered = false;
    for policy in allows {
        is_covered = true;
        for rule in policy.rules.iter().filter(|rule| matches(policy, rule)) {
            let grants = peers(rule.from, mesh).filter_map(|(networks, who)| {
                Some(Grant { by: Some(policy.source.clone()), networks, who: mode.narrowed(who)? })
            });
            all.extend(grants);
        }
    }
    if !is_covered {
        all.extend(by_posture(access.posture, mode));
    }
    merged(all)
}

fn by_posture(posture: Posture, mode: Mode) -> Option<Grant> {
    let who = match posture {
        Posture::Allow => Who::Anyone,
        Posture::Authenticated => Who::Clients([Clients::Mesh].into()),
        Posture::Deny => return None,
    };
    Some(Grant { by: None, networks: everywhere(), who: mode.narrowed(who)? })
}

/// One grant for the clients that a policy admits from the same networks.
fn merged(grants: BTreeSet<Grant>) -> Vec<Grant> {
    let mut all: Vec<Grant> = Vec::new();
    for grant in grants {
        let same = all.iter_mut().find(|of| of.by == grant.by && of.networks == grant.networks);
        match (same.map(|of| &mut of.who), grant.who) {
            (Some(Who::Clients(clients)), Who::Clients(more)) => clients.extend(more),
            (Some(Who::Anyone), Who::Clients(_)) => {}
            (_, who) => all.push(Grant { who, ..grant }),
        }
    }
    all
}

fn refused_by<'a>(rule: &'a ToldRule, mode: Mode, mesh: &'a Mesh) -> impl Iterator<Item = Refused> + 'a {
    peers(rule.from, mesh).filter_map(move |(networks, who)| match who {
        Who::Anyone => Some(Refused { networks, who: None }),
        Who::Clients(clients) => {
            let exists = mode != Mode::Nobody && !clients.is_empty();
            exists.then_some(Refused { networks, who: Some(clients) })
        }
    })
}

/// The callers of a rule, everyone where none is listed.
fn peers<'a>(from: &'a [Peer], mesh: &'a Mesh) -> impl Iterator<Item = (Vec<Network>, Who)> + 'a {
    let everyone = from.is_empty().then(|| (everywhere(), Who::Anyone));
    let listed = from.iter().map(|Peer { principals, networks }| {
        let networks = if networks.is_empty() { everywhere() } else { networks.clone() };
        let who = match principals.is_empty() {
            true => Who::Anyone,
            false => Who::Clients(principals.iter().filter_map(|of| Clients::of(of, mesh)).collect()),
        };
        (networks, who)
    });
    everyone.into_iter().chain(listed)
}

/// What is left of the grants, and whether it is all that should be.
fn without(grants: &[Grant], refused: &Refused) -> (Vec<Grant>, bool) {
    let mut left = Vec::new();
    let mut is_exact = true;
    for grant in grants {
        let elsewhere = outside(&grant.networks, &refused.networks);
        push(&mut left, grant, elsewhere, Some(grant.who.clone()));
        let there = inside(&grant.networks, &refused.networks);
        if let (Some(who), false) = (&refused.who, there.is_empty()) {
            let (who, exact) = others(&grant.who, who);
            is_exact &= exact;
            push(&mut left, grant, there, who);
        }
    }
    (left, is_exact)
}

fn push(left: &mut Vec<Grant>, grant: &Grant, networks: Vec<Network>, who: Option<Who>) {
    if let (false, Some(who)) = (networks.is_empty(), who) {
        left.push(Grant { by: grant.by.clone(), networks, who });
    }
}

/// Those who are not among some clients, and whether that is all of them: a part of a namespace, or of everyone, has
/// no name of its own.
fn others(who: &Who, refused: &BTreeSet<Clients>) -> (Option<Who>, bool) {
    match who {
        Who::Anyone => (None, false),
        Who::Clients(clients) => {
            let is_gone = |of: &&Clients| refused.iter().any(|refused| of.is_within(refused));
            let is_cut = |of: &&Clients| refused.iter().any(|refused| refused.is_within(of));
            let exact = !clients.iter().any(|of| is_cut(&of) && !is_gone(&of));
            let left: BTreeSet<_> =
                clients.iter().filter(|of| !is_gone(of) && !is_cut(of)).cloned().collect();
            ((!left.is_empty()).then_some(Who::Clients(left)), exact)
        }
    }
}

fn everywhere() -> Vec<Network> {
    net::everywhere().map(|cidr| Network { cidr, except: Vec::new() }).into()
}

/// The parts of these networks that are in none of those.
fn outside(networks: &[Network], holes: &[Network]) -> Vec<Network> {
    holes.iter().fold(networks.to_vec(), |left, hole| {
        left.iter()
            .flat_map(|of| [but(of, hole.cidr)].into_iter().flatten().chain(within_holes(of, hole)))
            .collect()
    })
}

/// The parts of these networks that are in some of those.
fn inside(networks: &[Network], others: &[Network]) -> Vec<Network> {
    let both = |of: &Network, other: &Network| {
        let narrowed = within(of, other.cidr)?;
        other.except.iter().try_fold(narrowed, |left, hole| but(&left, *hole))
    };
    networks.iter().flat_map(|of| others.iter().filter_map(move |other| both(of, other))).collect()
}

/// What lies in a hole of the other network is not of it.
fn within_holes(of: &Network, other: &Network) -> Vec<Network> {
    other.except.iter().filter_map(|hole| within(of, *hole)).collect()
}

fn within(of: &Network, cidr: IpNet) -> Option<Network> {
    let narrower = match (cidr.contains(&of.cidr), of.cidr.contains(&cidr)) {
        (true, _) => of.cidr,
        (false, true) => cidr,
        (false, false) => return None,
    };
    let narrowed = Network { cidr: narrower, except: Vec::new() };
    of.except.iter().try_fold(narrowed, |left, hole| but(&left, *hole))
}

/// A network without another; `None` where nothing is left.
fn but(of: &Network, hole: IpNet) -> Option<Network> {
    if hole.contains(&of.cidr) {
        return None;
    }
    let mut left = of.clone();
    let known = left.except.iter().any(|of| of.contains(&hole));
    if left.cidr.contains(&hole) && !known {
        left.except.retain(|of| !hole.contains(of));
        left.except.push(hole);
        left.except.sort();
    }
    Some(left)
}

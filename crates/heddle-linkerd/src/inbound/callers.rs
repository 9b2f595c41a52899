//! Sets of callers: from some networks, and anyone or some clients.

use super::cell::Cell;
use super::client::Clients;
use super::networks::{everywhere, inside, outside};
use super::supported::{self, Overreach, SupportedPolicy, SupportedRule};
use heddle_model::SourceRef;
use heddle_model::access::{Access, Action, Network, Peer, Posture};
use heddle_model::fact::{Mesh, Mtls};
use std::collections::BTreeSet;

/// The callers that may have an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everyone has one.
    Everyone,
    /// Some.
    Some,
    /// Nobody.
    Nobody,
}

/// A caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// With an identity or without.
    Anyone,
    /// Any of these.
    Clients(BTreeSet<Clients>),
}

/// The ground of an admission. A proxy goes by the first that holds, so the order is that of being sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    /// A policy; where it is in Audit, one that would admit.
    Policy(SourceRef),
    /// The posture, where some policy in Audit would admit others only: the proxy logs whom.
    Audit,
    /// The posture.
    Posture,
}

/// Callers who are admitted, and by what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    pub(crate) by: By,
    pub(crate) networks: Vec<Network>,
    pub(crate) who: Who,
}

/// Everyone who is admitted.
#[derive(Default)]
pub(crate) struct Admitted {
    pub(crate) grants: Vec<Grant>,
    pub(crate) excess: Vec<Overreach>,
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

/// Returns who may send bytes. There is nothing in them to know a request by: an Allow that speaks of requests admits nothing,
/// a Deny forgets what it says of them, and where only routes are served nothing is.
pub(crate) fn of_bytes(access: &Access, policies: &[&SupportedPolicy], mode: Mode, mesh: &Mesh) -> Admitted {
    if access.refuses_unmatched() {
        return Admitted::default();
    }
    let granted = |rule: &SupportedRule| !rule.minds_requests;
    let mut grants = granted_by(access, policies, &granted, mode, mesh);
    let mut excess = Vec::new();
    for policy in policies.iter().filter(|policy| policy.action == Action::Deny) {
        for refused in policy.rules.iter().flat_map(|rule| refused_by(rule, mode, mesh)) {
            let (left, is_exact) = without(&grants, &refused);
            grants = left;
            if !is_exact {
                excess.push(Overreach::Bytes(policy.source.clone()));
            }
        }
    }
    Admitted { grants, excess }
}

/// Returns who may send the requests of a cell under these policies. Whatever rule covers a part of the cell covers it all, or
/// that part would be a cell of its own.
pub(crate) fn of_requests(
    access: &Access,
    policies: &[&SupportedPolicy],
    cell: &Cell,
    mode: Mode,
    mesh: &Mesh,
) -> Vec<Grant> {
    let matches =
        |rule: &SupportedRule| rule.requests.as_ref().is_none_or(|request| cell.is_within_any(request));
    let mut grants = granted_by(access, policies, &matches, mode, mesh);
    for policy in policies.iter().filter(|policy| policy.action == Action::Deny) {
        for rule in policy.rules.iter().filter(|rule| matches(rule)) {
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

/// Those who are among both.
pub(crate) fn both(some: &[Grant], others: &[Grant]) -> Vec<Grant> {
    let mut all = BTreeSet::new();
    for (one, other) in some.iter().flat_map(|one| others.iter().map(move |other| (one, other))) {
        let networks = inside(&one.networks, &other.networks);
        let who = match (&one.who, &other.who) {
            (Who::Anyone, who) | (who, Who::Anyone) => who.clone(),
            (Who::Clients(some), Who::Clients(others)) => {
                let meets = some.iter().flat_map(|one| others.iter().filter_map(|other| one.meet(other)));
                Who::Clients(meets.collect())
            }
        };
        let is_nobody = matches!(&who, Who::Clients(clients) if clients.is_empty());
        if !networks.is_empty() && !is_nobody {
            all.insert(Grant { by: one.by.clone().min(other.by.clone()), networks, who });
        }
    }
    merged(all)
}

type Matches<'f> = &'f dyn Fn(&SupportedRule) -> bool;

/// Returns what the Allows admit together, or the posture where there is none.
fn granted_by(
    access: &Access,
    policies: &[&SupportedPolicy],
    matches: Matches,
    mode: Mode,
    mesh: &Mesh,
) -> Vec<Grant> {
    let allows = policies.iter().filter(|policy| policy.action == Action::Allow);
    let mut all = BTreeSet::new();
    let mut is_covered = false;
    for policy in allows {
        is_covered = true;
        for rule in policy.rules.iter().filter(|rule| matches(rule)) {
            let grants = peers(rule.from, mesh).filter_map(|(networks, who)| {
                Some(Grant { by: By::Policy(policy.source.clone()), networks, who: mode.narrowed(who)? })
            });
            all.extend(grants);
        }
    }
    if !is_covered {
        all.extend(by_posture(access, mode, mesh));
    }
    merged(all)
}

/// Returns whom the posture admits, and of these by name whom policies in Audit would.
fn by_posture(access: &Access, mode: Mode, mesh: &Mesh) -> Vec<Grant> {
    let anyone = match access.posture {
        Posture::Allow => Who::Anyone,
        Posture::Authenticated => Who::Clients([Clients::Mesh].into()),
        Posture::Deny => return Vec::new(),
    };
    let by = if supported::audits(access).next().is_none() { By::Posture } else { By::Audit };
    let would = supported::audits(access).flat_map(|policy| {
        let peers = policy.rules.iter().flat_map(|rule| peers(&rule.from, mesh));
        peers.map(|(networks, who)| (By::Policy(policy.source.clone()), networks, who))
    });
    let all = would.chain([(by, everywhere(), Who::Anyone)]);
    let admitted = all.filter_map(|(by, networks, who)| {
        let who = if who == Who::Anyone { anyone.clone() } else { who };
        Some(Grant { by, networks, who: mode.narrowed(who)? })
    });
    admitted.collect()
}

/// One grant for the clients that a policy admits from the same networks.
fn merged(grants: BTreeSet<Grant>) -> Vec<Grant> {
    let mut all: Vec<Grant> = Vec::new();
    for grant in grants {
        let same = all.iter_mut().find(|one| one.by == grant.by && one.networks == grant.networks);
        match (same.map(|same| &mut same.who), grant.who) {
            (Some(Who::Clients(clients)), Who::Clients(more)) => clients.extend(more),
            (Some(Who::Anyone), Who::Clients(_)) => {}
            (_, who) => all.push(Grant { who, ..grant }),
        }
    }
    all
}

fn refused_by<'a>(rule: &'a SupportedRule, mode: Mode, mesh: &'a Mesh) -> impl Iterator<Item = Refused> + 'a {
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
        let networks = if networks.is_empty() { everywhere() } else { networks.to_vec() };
        let who = match principals.is_empty() {
            true => Who::Anyone,
            false => {
                Who::Clients(principals.iter().filter_map(|principal| Clients::of(principal, mesh)).collect())
            }
        };
        (networks, who)
    });
    everyone.into_iter().chain(listed)
}

/// Returns what is left of the grants, and whether it is all that should be.
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
            let exact = !clients.iter().any(|client| is_cut(&client) && !is_gone(&client));
            let left: BTreeSet<_> =
                clients.iter().filter(|client| !is_gone(client) && !is_cut(client)).cloned().collect();
            ((!left.is_empty()).then_some(Who::Clients(left)), exact)
        }
    }
}

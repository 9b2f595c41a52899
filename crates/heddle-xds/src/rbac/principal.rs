//! Callers, as RBAC principals.
//!
//! An identity is the URI of the client's certificate, compared exactly or by prefix: a connection without one
//! matches no identity at all.

use crate::address;
use crate::xds;
use crate::xds::principal::{Authenticated, Identifier, Set};
use heddle_model::access::{Network, Peer, Principal};

/// Everyone, authenticated or not.
pub(crate) fn anyone() -> xds::Principal {
    is(Identifier::Any(true))
}

/// Whoever has an identity of the trust domain.
pub(crate) fn anyone_of(trust_domain: &str) -> xds::Principal {
    identity(xds::prefix(&format!("spiffe://{trust_domain}/")))
}

/// Any of these; everyone where none is listed.
pub(crate) fn peers(peers: &[Peer], trust_domain: &str) -> xds::Principal {
    one_of(peers.iter().map(|one| peer(one, trust_domain)).collect()).unwrap_or_else(anyone)
}

fn peer(peer: &Peer, trust_domain: &str) -> xds::Principal {
    let Peer { principals, networks } = peer;
    let who = one_of(principals.iter().map(|one| principal(one, trust_domain)).collect());
    let whence = one_of(networks.iter().map(network).collect());
    all(who.into_iter().chain(whence).collect())
}

fn principal(principal: &Principal, trust_domain: &str) -> xds::Principal {
    match principal {
        Principal::Any => anyone_of(trust_domain),
        Principal::Namespace(namespace) => {
            identity(xds::prefix(&format!("spiffe://{trust_domain}/ns/{namespace}/sa/")))
        }
        Principal::Account(account) => identity(xds::exact(&account.spiffe(trust_domain))),
        Principal::Spiffe(id) => identity(xds::exact(id)),
    }
}

/// By the address of the connection itself, never by a header.
fn network(given: &Network) -> xds::Principal {
    let Network { cidr, except } = given;
    let within = |net| is(Identifier::DirectRemoteIp(address::network(net)));
    let hole = one_of(except.iter().map(within).collect());
    let but = hole.map(|hole| is(Identifier::NotId(Box::new(hole))));
    all(std::iter::once(within(cidr)).chain(but).collect())
}

/// Whoever sends requests that fulfil a permission: so a principal can ask for both.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of others, which may grow")]
pub(crate) fn asking(permission: &xds::Permission) -> xds::Principal {
    use xds::permission::Rule;
    let each = |rules: &[xds::Permission]| rules.iter().map(asking).collect();
    let Some(rule) = &permission.rule else { return nobody() };
    match rule {
        Rule::Any(true) => anyone(),
        Rule::AndRules(set) => all(each(&set.rules)),
        Rule::OrRules(set) => one_of(each(&set.rules)).unwrap_or_else(nobody),
        Rule::NotRule(rule) => is(Identifier::NotId(Box::new(asking(rule)))),
        Rule::Header(header) => is(Identifier::Header(header.clone())),
        Rule::UrlPath(path) => is(Identifier::UrlPath(path.clone())),
        Rule::SourcedMetadata(metadata) => is(Identifier::SourcedMetadata(metadata.clone())),
        // No permission of ours has another.
        _ => nobody(),
    }
}

fn nobody() -> xds::Principal {
    is(Identifier::NotId(Box::new(anyone())))
}

fn identity(matcher: xds::StringMatcher) -> xds::Principal {
    is(Identifier::Authenticated(Authenticated { principal_name: Some(matcher) }))
}

/// All of them; everyone where there is none.
pub(crate) fn all(mut ids: Vec<xds::Principal>) -> xds::Principal {
    ids.retain(|id| *id != anyone());
    match ids.len() {
        0 => anyone(),
        1 => ids.remove(0),
        _ => is(Identifier::AndIds(Set { ids })),
    }
}

/// Any of them; `None` where there is none.
pub(crate) fn one_of(mut ids: Vec<xds::Principal>) -> Option<xds::Principal> {
    match ids.len() {
        0 | 1 => ids.pop(),
        _ => Some(is(Identifier::OrIds(Set { ids }))),
    }
}

fn is(identifier: Identifier) -> xds::Principal {
    xds::Principal { identifier: Some(identifier) }
}

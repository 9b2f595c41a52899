//! Tokens made without Kubernetes.

use heddle_ca::token::Rules;
use std::collections::BTreeSet;

/// The issuer of tokens made without Kubernetes.
const ISSUER: &str = "heddle";
/// The audience of tokens that are shown to Heddle.
pub(crate) const AUDIENCE: &str = "heddle";
/// The audience of tokens that Linkerd's injector mounts; good for nothing but a certificate.
const LINKERD_AUDIENCE: &str = "identity.l5d.io";

/// Returns what a token made without Kubernetes must say.
pub(crate) fn token_rules() -> Rules {
    Rules { issuer: ISSUER.into(), audiences: BTreeSet::from([AUDIENCE.into()]) }
}

/// The same rules, and Linkerd's audience is as good.
pub(crate) fn with_linkerd(rules: &Rules) -> Rules {
    let mut rules = rules.clone();
    rules.audiences.insert(LINKERD_AUDIENCE.into());
    rules
}

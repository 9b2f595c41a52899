//! Rules between the fields of one object, in CEL: for the API server, and for sources that none checks.

pub(crate) const NAMED_DEFAULT: &str = "self.metadata.name == 'default'";
pub(crate) const UNCHANGED: &str = "self == oldSelf";
pub(crate) const UP_TO_A_MINUTE: &str = "duration(self) > duration('0s') && duration(self) <= duration('1m')";
pub(crate) const IP: &str = "isIP(self)";
pub(crate) const NO_PROXY_PORT: &str =
    "self.all(port, !(port in [4140, 4143, 4190, 4191, 15000, 15001, 15006, 15020, 15090]))";
/// A value that is no address is [`IP`]'s to refuse.
pub(crate) const UNICAST: &str = "!isIP(self) || ip(self).isGlobalUnicast()";
/// A value that is no network is refused by its pattern.
pub(crate) const NO_LOCAL_NETWORK: &str =
    "self.all(net, !isCIDR(net) || !(cidr(net).ip().isLoopback() || cidr(net).ip().isLinkLocalUnicast()))";
/// [`UNICAST`] where no API server checks objects: the network of a folder is the loopback.
const UNICAST_OR_LOOPBACK: &str = "!isIP(self) || ip(self).isGlobalUnicast() || ip(self).isLoopback()";
/// [`NO_LOCAL_NETWORK`] for a folder.
const NO_LINK_LOCAL_NETWORK: &str = "self.all(net, !isCIDR(net) || !cidr(net).ip().isLinkLocalUnicast())";
/// The longest name of an identity has 152 characters before the suffix, and a DNS name has 253 at most.
pub(crate) const SUFFIX_FITS: &str = "has(self.identitySuffix) || size(self.trustDomain) <= 94";
pub(crate) const SAYS_SOMETHING: &str = "has(self.protocol) || has(self.mtls)";
pub(crate) const ONE_WAY_TO_COVER: &str =
    "!has(self.targetRefs) || (!has(self.selector) && !has(self.ports))";
pub(crate) const DENY_HAS_RULES: &str =
    "!has(self.action) || self.action != 'Deny' || (has(self.rules) && self.rules.size() > 0)";
pub(crate) const TARGET_KIND: &str =
    "(has(self.group) ? self.group : '') == (self.kind == 'Service' ? '' : 'gateway.networking.k8s.io')";
pub(crate) const SECTION_OF_SERVICE: &str = "!has(self.sectionName) || self.kind == 'Service'";
pub(crate) const PEER_SAYS_SOMETHING: &str =
    "has(self.identities) || has(self.serviceAccounts) || has(self.namespaces) || has(self.networks)";
pub(crate) const REQUEST_SAYS_SOMETHING: &str = "has(self.methods) || has(self.paths) || has(self.headers)";
pub(crate) const NO_WILDCARD: &str = "!self.value.endsWith('/*')";
pub(crate) const RULE_SAYS_SOMETHING: &str = "has(self.from) || has(self.requests)";
pub(crate) const SELECTS_BY_LABELS: &str = "has(self.matchLabels) && self.matchLabels.size() > 0";
pub(crate) const VALUE_UNLESS_PRESENT: &str = "has(self.value) != (has(self.type) && self.type == 'Present')";

/// Returns what the rule `rule` of a definition means in a folder.
pub(crate) fn in_a_folder(rule: &str) -> &str {
    match rule {
        UNICAST => UNICAST_OR_LOOPBACK,
        NO_LOCAL_NETWORK => NO_LINK_LOCAL_NETWORK,
        other => other,
    }
}

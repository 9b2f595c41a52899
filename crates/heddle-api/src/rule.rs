//! Rules between the fields of one object: as CEL for the API server, and the same in Rust for sources that
//! no API server checks.

use serde_json::Value;
use std::net::IpAddr;

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

/// The ports of [`NO_PROXY_PORT`]: those of linkerd2-proxy, of Envoy and of the agent.
const PROXY_PORTS: [u64; 9] = [4140, 4143, 4190, 4191, 15000, 15001, 15006, 15020, 15090];

/// Returns whether `value` obeys the CEL rule `rule`, or `None` for a rule that is not known here. A value of the
/// wrong type obeys: the schema speaks of that.
///
/// Rules about a change ([`UNCHANGED`]) always hold: one object alone shows no change.
pub(crate) fn holds(rule: &str, value: &Value) -> Option<bool> {
    let has = |field: &str| value.get(field).is_some_and(|value| !value.is_null());
    let is = |field: &str, text: &str| value.get(field).and_then(Value::as_str) == Some(text);
    let text = value.as_str();
    Some(match rule {
        NAMED_DEFAULT => value["metadata"]["name"] == "default",
        UNCHANGED => true,
        UP_TO_A_MINUTE => text.and_then(millis).is_none_or(|millis| (1..=60_000).contains(&millis)),
        IP => text.is_none_or(|text| text.parse::<std::net::IpAddr>().is_ok()),
        NO_PROXY_PORT => {
            let ports = value.as_array().into_iter().flatten();
            !ports.filter_map(Value::as_u64).any(|port| PROXY_PORTS.contains(&port))
        }
        UNICAST => text.and_then(|text| text.parse().ok()).is_none_or(is_unicast_or_loopback),
        NO_LOCAL_NETWORK => {
            let networks = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            let address = |text: &str| text.split('/').next().and_then(|address| address.parse().ok());
            !networks.filter_map(address).any(is_link_local)
        }
        SUFFIX_FITS => has("identitySuffix") || value["trustDomain"].as_str().is_none_or(|td| td.len() <= 94),
        SAYS_SOMETHING => has("protocol") || has("mtls"),
        ONE_WAY_TO_COVER => !has("targetRefs") || (!has("selector") && !has("ports")),
        DENY_HAS_RULES => {
            !is("action", "Deny") || value["rules"].as_array().is_none_or(|r| !r.is_empty()) && has("rules")
        }
        TARGET_KIND => match value["kind"].as_str() {
            Some("Service") => !has("group") || is("group", ""),
            Some("HTTPRoute") => is("group", "gateway.networking.k8s.io"),
            _ => true,
        },
        SECTION_OF_SERVICE => !has("sectionName") || is("kind", "Service"),
        PEER_SAYS_SOMETHING => {
            ["identities", "serviceAccounts", "namespaces", "networks"].into_iter().any(has)
        }
        REQUEST_SAYS_SOMETHING => ["methods", "paths", "headers"].into_iter().any(has),
        NO_WILDCARD => value["value"].as_str().is_none_or(|path| !path.ends_with("/*")),
        RULE_SAYS_SOMETHING => has("from") || has("requests"),
        SELECTS_BY_LABELS => value["matchLabels"].as_object().is_some_and(|labels| !labels.is_empty()),
        VALUE_UNLESS_PRESENT => has("value") != is("type", "Present"),
        _ => return None,
    })
}

/// Returns whether a process may have the address. Where no API server checks objects, the network of a folder is the
/// loopback, so its addresses may.
fn is_unicast_or_loopback(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            !(v4.is_unspecified() || v4.is_multicast() || v4.is_link_local() || v4.is_broadcast())
        }
        IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local()),
    }
}

/// Returns whether an address is link-local. Loopback is a folder's own network, as for [`UNICAST`].
fn is_link_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// A duration of the Gateway API (GEP-2257) in milliseconds.
fn millis(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let factor = match &unit[..end] {
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return None,
        };
        sum = sum.checked_add(number.checked_mul(factor)?)?;
        rest = &unit[end..];
    }
    Some(sum)
}

//! Listener filters: what is told of a connection before its filter chain is chosen.

use crate::xds;
use std::collections::BTreeSet;
use std::time::Duration;

/// The time that the first bytes of a connection are waited for where the server may be the one to speak first.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);

/// Tells the address that was dialled, before packet rules redirected it.
pub(crate) fn original_destination() -> xds::ListenerFilter {
    filter("envoy.filters.listener.original_dst", xds::pack(&xds::OriginalDst {}), &BTreeSet::new())
}

/// Tells who dialled what, from the header that a connection was handed back with.
pub(crate) fn handed_back() -> xds::ListenerFilter {
    let config = xds::pack(&xds::ProxyProtocol::default());
    filter("envoy.filters.listener.proxy_protocol", config, &BTreeSet::new())
}

/// Tells TLS, its server name and ALPN from a ClientHello; leaves connections to these ports alone.
pub(crate) fn tls(but: &BTreeSet<u16>) -> xds::ListenerFilter {
    filter("envoy.filters.listener.tls_inspector", xds::pack(&xds::TlsInspector::default()), but)
}

/// Tells HTTP from the first bytes in plain text; leaves connections to these ports alone.
pub(crate) fn http(but: &BTreeSet<u16>) -> xds::ListenerFilter {
    filter("envoy.filters.listener.http_inspector", xds::pack(&xds::HttpInspector {}), but)
}

fn filter(name: &str, config: xds::Any, but: &BTreeSet<u16>) -> xds::ListenerFilter {
    xds::ListenerFilter {
        name: name.into(),
        filter_disabled: at_ports(but),
        config_type: Some(xds::listener_filter::ConfigType::TypedConfig(config)),
    }
}

fn at_ports(ports: &BTreeSet<u16>) -> Option<xds::ListenerFilterChainMatchPredicate> {
    use xds::listener_filter_chain_match_predicate::{MatchSet, Rule};
    let is = |rule| xds::ListenerFilterChainMatchPredicate { rule: Some(rule) };
    let mut rules: Vec<_> = ports
        .iter()
        .map(|port| {
            let start = i32::from(*port);
            is(Rule::DestinationPortRange(xds::Int32Range { start, end: start + 1 }))
        })
        .collect();
    // Envoy wants at least two alternatives.
    match rules.len() {
        0 | 1 => rules.pop(),
        _ => Some(is(Rule::OrMatch(MatchSet { rules }))),
    }
}

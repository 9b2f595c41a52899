//! Envoy's own limits, set as wide as servers commonly have them: what passes without a
//! mesh passes with it. `docs/limits.md` says what cannot be set, and what the rest costs.

use crate::xds;
use std::time::Duration;

/// All headers of a request or of a response: what Go servers take. Java, Node and Python servers take less.
const HEADERS_KB: u32 = 1024;
/// Headers of a request or of a response; Envoy's own limit is 100.
const HEADERS: u32 = 10_000;
/// One header in HTTP/2: as much as Envoy takes.
const HEADER_KB: u32 = 256;
/// Streams of one HTTP/2 connection: those beyond wait in the client, for ever if the others never end.
const STREAMS: u32 = 100_000;
/// The authority of an HTTP/1.0 request without one. Envoy cannot route a request that has none.
const NO_HOST: &str = "localhost";

/// Sets the limits of requests as a server takes them.
pub(crate) fn widen(manager: &mut xds::HttpConnectionManager) {
    manager.http_protocol_options = Some(xds::Http1ProtocolOptions {
        accept_http_10: true,
        default_host_for_http_10: NO_HOST.into(),
        ..http1()
    });
    manager.http2_protocol_options =
        Some(xds::Http2ProtocolOptions { max_concurrent_streams: xds::number(STREAMS), ..http2() });
    manager.common_http_protocol_options =
        Some(xds::CommonHttpOptions { max_headers_count: xds::number(HEADERS), ..Default::default() });
    manager.max_request_headers_kb = xds::number(HEADERS_KB);
    manager.stream_idle_timeout = xds::duration(Duration::ZERO);
    manager.proxy_100_continue = true;
    manager.upgrade_configs = upgrades();
}

/// Returns what a cluster takes of its endpoints' responses.
pub(crate) fn responses() -> xds::CommonHttpOptions {
    xds::CommonHttpOptions {
        max_headers_count: xds::number(HEADERS),
        max_response_headers_kb: xds::number(HEADERS_KB),
        ..xds::CommonHttpOptions::default()
    }
}

/// HTTP/1: trailers pass, and methods that nobody has registered.
pub(crate) fn http1() -> xds::Http1ProtocolOptions {
    xds::Http1ProtocolOptions {
        enable_trailers: true,
        allow_custom_methods: true,
        ..xds::Http1ProtocolOptions::default()
    }
}

/// HTTP/2: WebSockets pass (RFC 8441), and long headers.
pub(crate) fn http2() -> xds::Http2ProtocolOptions {
    xds::Http2ProtocolOptions {
        allow_connect: true,
        max_header_field_size_kb: xds::number(HEADER_KB),
        ..xds::Http2ProtocolOptions::default()
    }
}

/// Peers that vanish without a word are noticed: nothing else ends a connection that idles.
pub(crate) fn keepalive() -> xds::TcpKeepalive {
    xds::TcpKeepalive {
        keepalive_probes: xds::number(5),
        keepalive_time: xds::number(300),
        keepalive_interval: xds::number(30),
    }
}

/// Envoy passes the upgrades that it is told by name: those that Kubernetes' and container tools ask for.
fn upgrades() -> Vec<xds::http_connection_manager::UpgradeConfig> {
    // A tunnel passes where a route takes it, and is refused elsewhere.
    let types = ["websocket", "SPDY/3.1", "tcp", "CONNECT"].into_iter();
    let named = types.map(|name| xds::http_connection_manager::UpgradeConfig {
        upgrade_type: name.into(),
        ..Default::default()
    });
    named.collect()
}

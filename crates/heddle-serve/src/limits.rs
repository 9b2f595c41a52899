//! Every bound that keeps one peer, or all of them, from taking more than their share.

use std::time::Duration;

/// What peers may take. Each bound names what happens to the peer that meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections, handshakes included. One more is closed at once.
    pub connections: usize,
    /// Open connections from one IP address. One more is closed at once.
    pub connections_per_address: usize,
    /// Open connections that present one identity. One more is closed after its handshake.
    pub connections_per_identity: usize,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a connection may be open without a stream, before its first and after its last.
    pub idle: Duration,
    /// How long a unary call may take, its body's arrival included.
    pub call: Duration,
    /// Streams and calls at once on one connection: HTTP/2 `SETTINGS_MAX_CONCURRENT_STREAMS`. A linkerd2-proxy has
    /// hundreds on one, and those beyond would wait for ever.
    pub streams_per_connection: u32,
    /// Discovery streams of one workload. One more is answered RESOURCE_EXHAUSTED.
    pub streams_per_workload: usize,
    /// Questions that a workload's linkerd2-proxy has open, each a stream and at most one topic. One more is
    /// answered RESOURCE_EXHAUSTED, and the proxy asks again later.
    pub questions_per_workload: usize,
    /// Whether proxies may ask for listeners bound in networks of their own (`bound:<network>`). Each network is a
    /// projection of all listeners, made when its first client comes: for a few processes on one machine, not
    /// for whoever runs in a cluster.
    pub own_networks: bool,
    /// How long a stream may stay silent before its first message, and how long it may take to send it.
    pub first_message: Duration,
    /// Bytes of one request. A larger one ends its stream with OUT_OF_RANGE.
    pub request_bytes: usize,
    /// What one stream may name, and how long it is waited for. More ends it with RESOURCE_EXHAUSTED.
    pub session: heddle_session::Limits,
    /// The longest a stream lives, less a spread of at most a tenth. It then ends with UNAVAILABLE, and its
    /// client comes back naming what it holds: so load spreads again after replicas come and go.
    pub stream_age: Duration,
    /// How long before its credential expires a stream ends, so that its client can bring a new one.
    pub expiry_margin: Duration,
    /// Over how long streams end once the process drains.
    pub drain_spread: Duration,
    /// Certificates in the making at once. More are answered UNAVAILABLE.
    pub signatures: usize,
    /// HTTP/2 PING to every connection, also one without a stream.
    pub keepalive: Duration,
    /// How long the answer to a PING may take before the connection is closed.
    pub keepalive_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_address: 1_024,
            connections_per_identity: 4_096,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            call: Duration::from_secs(15),
            streams_per_connection: 2_048,
            streams_per_workload: 4,
            questions_per_workload: 2_048,
            own_networks: true,
            first_message: Duration::from_secs(10),
            request_bytes: 4 << 20,
            session: heddle_session::Limits::default(),
            stream_age: Duration::from_secs(30 * 60),
            expiry_margin: Duration::from_secs(30),
            drain_spread: Duration::from_secs(2),
            signatures: 256,
            keepalive: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(20),
        }
    }
}

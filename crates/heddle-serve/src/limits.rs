//! Every bound that keeps one peer, or all of them, from taking more than their share.

use std::time::Duration;

/// The bounds on peers. Each names what happens to the peer that meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections of peers that have proved who they are. One more is refused.
    pub connections: usize,
    /// The same, from one IP address.
    pub connections_per_address: usize,
    /// The same, of one identity.
    pub connections_per_identity: usize,
    /// Open connections of peers that have proved nothing yet, handshakes included. For one more, the oldest of the
    /// address that has most is closed.
    pub unproven_connections: usize,
    /// The time that a connection may take from being accepted to the first proof of who its peer is: a certificate in its
    /// handshake, or a token. It is closed then.
    pub proof: Duration,
    /// Bytes that are read from a connection before that. One that sends more is closed.
    pub unproven_bytes: usize,
    /// The time that a TLS handshake may take.
    pub handshake: Duration,
    /// The time that a connection may be open without a stream, before its first and after its last.
    pub idle: Duration,
    /// The time that a unary call may take, its body's arrival included.
    pub call: Duration,
    /// Streams and calls at once on one connection: HTTP/2 `SETTINGS_MAX_CONCURRENT_STREAMS`. A linkerd2-proxy has
    /// hundreds on one, and those beyond would wait for ever.
    pub streams_per_connection: u32,
    /// The same on a connection that began without a client certificate, also once a token has come over it.
    pub streams_per_unproven_connection: u32,
    /// Discovery streams of one workload. One more is answered RESOURCE_EXHAUSTED.
    pub streams_per_workload: usize,
    /// Questions that a workload's linkerd2-proxy has open, each a stream and at most one topic. One more is
    /// answered RESOURCE_EXHAUSTED, and the proxy asks again later.
    pub questions_per_workload: usize,
    /// True if proxies may ask for listeners bound in networks of their own (`bound:<network>`). Each network is a
    /// projection of all listeners, made when its first client comes: for a few processes on one machine, not
    /// for whoever runs in a cluster.
    pub own_networks: bool,
    /// The time that a stream may stay silent before its first message, and how long it may take to send it.
    pub first_message: Duration,
    /// Bytes of one message of a discovery stream: a proxy of a large mesh that comes back names all that it holds. A
    /// larger one ends its stream with RESOURCE_EXHAUSTED.
    pub request_bytes: usize,
    /// Bytes of such messages that are on their way in at once, of all peers; half of it of one identity. More wait.
    pub reception_bytes: usize,
    /// The time that a message may take to arrive once there is room for it. A slower one ends its stream.
    pub message: Duration,
    /// Bytes of a request for a certificate; its CSR is bounded again. A larger one is answered RESOURCE_EXHAUSTED.
    pub certificate_request_bytes: usize,
    /// Bytes of a question of a linkerd2-proxy: a context and a name, or an address. A larger one is answered
    /// RESOURCE_EXHAUSTED.
    pub question_bytes: usize,
    /// Bytes that all streams of a workload have kept for themselves: names that are no resources, and questions. More
    /// ends the stream with RESOURCE_EXHAUSTED.
    pub workload_bytes: usize,
    /// The same, of all workloads of an identity.
    pub identity_bytes: usize,
    /// The names of one stream, and the time that it is waited for. More ends it with RESOURCE_EXHAUSTED.
    pub session: heddle_session::Limits,
    /// The longest a stream lives, less a spread of at most a tenth. It then ends with UNAVAILABLE, and its
    /// client comes back naming what it holds: so load spreads again after replicas come and go.
    pub stream_age: Duration,
    /// The time before its credential expires at which a stream ends, so that its client can bring a new one.
    pub expiry_margin: Duration,
    /// Over how long streams end once the process drains.
    pub drain_spread: Duration,
    /// Certificates in the making at once, for callers that have proved who they are. More are answered UNAVAILABLE.
    pub signatures: usize,
    /// Certificates that a workload is given at once. More are answered RESOURCE_EXHAUSTED.
    pub certificates_at_once: u32,
    /// And then one more every so often.
    pub certificate_every: Duration,
    /// HTTP/2 PING to every connection, also one without a stream.
    pub keepalive: Duration,
    /// The time that the answer to a PING may take before the connection is closed.
    pub keepalive_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_address: 1_024,
            connections_per_identity: 4_096,
            unproven_connections: 1_024,
            proof: Duration::from_secs(20),
            unproven_bytes: 192 * 1024,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            call: Duration::from_secs(15),
            streams_per_connection: 2_048,
            streams_per_unproven_connection: 8,
            streams_per_workload: 4,
            questions_per_workload: 2_048,
            own_networks: true,
            first_message: Duration::from_secs(10),
            request_bytes: 16 << 20,
            reception_bytes: 64 << 20,
            message: Duration::from_secs(30),
            certificate_request_bytes: 16 * 1024,
            question_bytes: 4 * 1024,
            workload_bytes: 16 << 20,
            identity_bytes: 128 << 20,
            session: heddle_session::Limits::default(),
            stream_age: Duration::from_secs(30 * 60),
            expiry_margin: Duration::from_secs(30),
            drain_spread: Duration::from_secs(2),
            signatures: 256,
            certificates_at_once: 16,
            certificate_every: Duration::from_secs(10),
            keepalive: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(20),
        }
    }
}

impl Limits {
    /// The same, as far as a process gets that may have `descriptors` files open.
    ///
    /// A reserve is left for what is no connection: the admin pages, the API server, files. Of the rest peers that have
    /// proved nothing get an eighth at most.
    pub fn within_descriptors(self, descriptors: u64) -> Self {
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        let room = descriptors.saturating_sub(RESERVED_DESCRIPTORS.min(descriptors / 2)).max(8);
        let unproven_connections = self.unproven_connections.min(room / 8);
        let connections = self.connections.min(room - unproven_connections);
        Self { connections, unproven_connections, ..self }
    }
}

/// Descriptors that no proxy's connection takes.
const RESERVED_DESCRIPTORS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(descriptors: u64, connections: usize, unproven: usize) {
        let limits = Limits::default().within_descriptors(descriptors);
        assert_eq!((limits.connections, limits.unproven_connections), (connections, unproven));
    }

    #[test]
    fn connections_leave_descriptors_for_all_else() {
        check(1 << 20, 20_000, 1_024);
        check(u64::MAX, 20_000, 1_024);
        check(4_096, 3_360, 480);
        check(1_024, 672, 96);
        check(64, 28, 4);
        check(0, 7, 1);
    }
}

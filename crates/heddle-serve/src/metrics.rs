//! Metrics about clients. Labels come from closed sets, never from what a client sends.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// The short names of the resource types that are served, and one for all others.
pub(crate) const TYPES: [&str; 5] = ["LDS", "RDS", "CDS", "EDS", "other"];
/// The requests of linkerd2-proxies, by the method that follows each.
const REQUESTS: [&str; 4] = ["Get", "GetProfile", "WatchPort", "Watch"];

/// The reason for which a connection was closed before its peer had proved who it is, or when it had.
pub(crate) const CONNECTION_REASONS: [&str; 8] =
    ["connections", "address", "identity", "handshake", "accept", "evicted", "unproven", "refused"];

/// The holders whose budget of bytes may be exceeded.
pub(crate) const BUDGETS: [&str; 2] = ["workload", "identity"];

/// The results of asking for a certificate.
pub(crate) const ISSUE_RESULTS: [&str; 6] =
    ["ok", "unauthenticated", "denied", "invalid", "exhausted", "unavailable"];

/// The gRPC codes that end streams with an error.
pub(crate) const STREAM_CODES: [&str; 7] = [
    "unauthenticated",
    "permission_denied",
    "invalid_argument",
    "resource_exhausted",
    "unavailable",
    "deadline_exceeded",
    "other",
];

const PLANE: &str = "envoy";
const LINKERD: &str = "linkerd";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Plane {
    plane: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PlaneProtocol {
    plane: &'static str,
    protocol: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PlaneType {
    plane: &'static str,
    r#type: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Budget {
    budget: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Code {
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Use {
    r#use: &'static str,
}

/// The purpose of a certificate of the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateUse {
    /// The first root to expire.
    Root,
    /// The one that signs leaves.
    Issuer,
    /// The one that is served with.
    Serving,
}

/// The metrics of this crate.
#[derive(Clone, Debug)]
pub struct Metrics {
    clients: Family<PlaneProtocol, Gauge>,
    connections: Gauge,
    unproven: Gauge,
    exceeded: Family<Budget, Counter>,
    refused_connections: Family<Reason, Counter>,
    refused_streams: Family<Code, Counter>,
    pushes: Family<PlaneType, Counter>,
    push_bytes: Family<PlaneType, Counter>,
    rejections: Family<PlaneType, Counter>,
    rejected: Gauge,
    convergence: Family<Plane, Histogram>,
    issued: Family<Outcome, Counter>,
    issue_seconds: Histogram,
    expiry: Family<Use, Gauge>,
}

impl Metrics {
    /// Adds the metrics to `registry`, every counter at zero, and what was built.
    pub fn new(registry: &mut Registry, version: &str, commit: &str) -> Self {
        let metrics = Self::unregistered();
        metrics.register(registry);
        let build = Info::new(vec![("version", version.to_string()), ("commit", commit.to_string())]);
        registry.register("heddle_build", "What this process was built from", build);
        metrics.start_at_zero();
        metrics
    }

    fn unregistered() -> Self {
        Self {
            clients: Family::default(),
            connections: Gauge::default(),
            unproven: Gauge::default(),
            exceeded: Family::default(),
            refused_connections: Family::default(),
            refused_streams: Family::default(),
            pushes: Family::default(),
            push_bytes: Family::default(),
            rejections: Family::default(),
            rejected: Gauge::default(),
            convergence: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            issued: Family::default(),
            issue_seconds: Histogram::new(SECONDS),
            expiry: Family::default(),
        }
    }

    fn register(&self, registry: &mut Registry) {
        let r = registry;
        r.register("heddle_clients", "Streams of proxies that are open", self.clients.clone());
        r.register("heddle_connections", "Connections that are open", self.connections.clone());
        let help = "Connections that are open of peers that have not proved who they are";
        r.register("heddle_unproven_connections", help, self.unproven.clone());
        let help =
            "Streams ended because too many bytes were kept for their client, by whose they were counted as";
        r.register("heddle_budget_exceeded", help, self.exceeded.clone());
        let help = "Connections refused or closed by us, by the bound or step that failed";
        r.register("heddle_connections_refused", help, self.refused_connections.clone());
        r.register("heddle_streams_refused", "Streams ended with an error", self.refused_streams.clone());
        r.register("heddle_push", "Responses sent to proxies", self.pushes.clone());
        let help = "Bytes of the responses sent to proxies, before compression and TLS";
        r.register_with_unit("heddle_push", help, Unit::Bytes, self.push_bytes.clone());
        r.register("heddle_rejections", "Responses that a proxy refused (NACK)", self.rejections.clone());
        let help = "Proxies that refuse something now";
        r.register("heddle_rejected_proxies", help, self.rejected.clone());
        let help = "From the publication of a change to a proxy having acknowledged all that it changed";
        r.register_with_unit("heddle_convergence", help, Unit::Seconds, self.convergence.clone());
        let help = "Certificates asked for, by what became of the request";
        r.register("heddle_certificates_issued", help, self.issued.clone());
        let help = "How long it took to answer a request for a certificate";
        r.register_with_unit("heddle_issue_duration", help, Unit::Seconds, self.issue_seconds.clone());
        let help = "When a certificate of the controller expires, in seconds since 1970";
        r.register_with_unit("heddle_certificate_expiry_timestamp", help, Unit::Seconds, self.expiry.clone());
    }

    fn start_at_zero(&self) {
        for protocol in ["delta", "sotw"] {
            drop(self.clients.get_or_create(&PlaneProtocol { plane: PLANE, protocol }));
        }
        for r#type in TYPES {
            let labels = PlaneType { plane: PLANE, r#type };
            drop(self.pushes.get_or_create(&labels));
            drop(self.push_bytes.get_or_create(&labels));
            drop(self.rejections.get_or_create(&labels));
        }
        drop(self.clients.get_or_create(&PlaneProtocol { plane: LINKERD, protocol: LINKERD }));
        for r#type in REQUESTS {
            let labels = PlaneType { plane: LINKERD, r#type };
            drop(self.pushes.get_or_create(&labels));
            drop(self.push_bytes.get_or_create(&labels));
        }
        for reason in CONNECTION_REASONS {
            drop(self.refused_connections.get_or_create(&Reason { reason }));
        }
        for budget in BUDGETS {
            drop(self.exceeded.get_or_create(&Budget { budget }));
        }
        for code in STREAM_CODES {
            drop(self.refused_streams.get_or_create(&Code { code }));
        }
        for result in ISSUE_RESULTS {
            drop(self.issued.get_or_create(&Outcome { result }));
        }
        drop(self.convergence.get_or_create(&Plane { plane: PLANE }));
    }

    /// A certificate of the controller's own is in force until `expires`.
    pub fn certificate_expires(&self, certificate: CertificateUse, expires: std::time::SystemTime) {
        let r#use = match certificate {
            CertificateUse::Root => "root",
            CertificateUse::Issuer => "issuer",
            CertificateUse::Serving => "serving",
        };
        let since = expires.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        self.expiry.get_or_create(&Use { r#use }).set(seconds);
    }

    pub(crate) fn client_came(&self, protocol: &'static str) {
        self.clients.get_or_create(&PlaneProtocol { plane: PLANE, protocol }).inc();
    }

    pub(crate) fn client_went(&self, protocol: &'static str) {
        self.clients.get_or_create(&PlaneProtocol { plane: PLANE, protocol }).dec();
    }

    /// A linkerd2-proxy asks something.
    pub(crate) fn question_came(&self) {
        self.clients.get_or_create(&PlaneProtocol { plane: LINKERD, protocol: LINKERD }).inc();
    }

    pub(crate) fn question_went(&self) {
        self.clients.get_or_create(&PlaneProtocol { plane: LINKERD, protocol: LINKERD }).dec();
    }

    /// A message to a linkerd2-proxy, which does not acknowledge it; `request` is one of [`REQUESTS`].
    pub(crate) fn answered(&self, request: &'static str, bytes: usize) {
        let labels = PlaneType { plane: LINKERD, r#type: request };
        self.pushes.get_or_create(&labels).inc();
        self.push_bytes.get_or_create(&labels).inc_by(bytes as u64);
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.inc();
    }

    pub(crate) fn connection_closed(&self) {
        self.connections.dec();
    }

    /// So many connections are open of peers that have proved nothing.
    pub(crate) fn unproven(&self, count: usize) {
        self.unproven.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// `budget` is one of [`BUDGETS`].
    pub(crate) fn budget_exceeded(&self, budget: &'static str) {
        self.exceeded.get_or_create(&Budget { budget }).inc();
    }

    /// `reason` is one of [`CONNECTION_REASONS`].
    pub(crate) fn connection_refused(&self, reason: &'static str) {
        self.refused_connections.get_or_create(&Reason { reason }).inc();
    }

    pub(crate) fn stream_refused(&self, code: tonic::Code) {
        self.refused_streams.get_or_create(&Code { code: stream_code(code) }).inc();
    }

    /// `r#type` is one of [`TYPES`].
    pub(crate) fn pushed(&self, r#type: &'static str, bytes: usize) {
        let labels = PlaneType { plane: PLANE, r#type };
        self.pushes.get_or_create(&labels).inc();
        self.push_bytes.get_or_create(&labels).inc_by(bytes as u64);
    }

    /// `r#type` is one of [`TYPES`].
    pub(crate) fn rejected(&self, r#type: &'static str) {
        self.rejections.get_or_create(&PlaneType { plane: PLANE, r#type }).inc();
    }

    /// A proxy began (`1`) or ceased (`-1`) to refuse something.
    pub(crate) fn rejecting(&self, change: i64) {
        self.rejected.inc_by(change);
    }

    pub(crate) fn converged(&self, after: std::time::Duration) {
        self.convergence.get_or_create(&Plane { plane: PLANE }).observe(after.as_secs_f64());
    }

    /// `result` is one of [`ISSUE_RESULTS`].
    pub(crate) fn issued(&self, result: &'static str, after: std::time::Duration) {
        self.issued.get_or_create(&Outcome { result }).inc();
        self.issue_seconds.observe(after.as_secs_f64());
    }
}

/// Upper bounds of the buckets, from one millisecond to a minute.
const SECONDS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of others, which may grow")]
fn stream_code(code: tonic::Code) -> &'static str {
    match code {
        tonic::Code::Unauthenticated => "unauthenticated",
        tonic::Code::PermissionDenied => "permission_denied",
        tonic::Code::InvalidArgument => "invalid_argument",
        tonic::Code::ResourceExhausted => "resource_exhausted",
        tonic::Code::Unavailable => "unavailable",
        tonic::Code::DeadlineExceeded => "deadline_exceeded",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_there_at_zero_with_help() {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry, "0.1.0", "abc");
        let expires = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(7);
        metrics.certificate_expires(CertificateUse::Serving, expires);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
        for line in [
            "heddle_push_total{plane=\"envoy\",type=\"CDS\"} 0",
            "heddle_push_bytes_total{plane=\"envoy\",type=\"EDS\"} 0",
            "heddle_rejections_total{plane=\"envoy\",type=\"RDS\"} 0",
            "heddle_certificates_issued_total{result=\"ok\"} 0",
            "heddle_clients{plane=\"envoy\",protocol=\"delta\"} 0",
            "heddle_convergence_seconds_count{plane=\"envoy\"} 0",
            "heddle_connections_refused_total{reason=\"address\"} 0",
            "heddle_streams_refused_total{code=\"permission_denied\"} 0",
            "heddle_certificate_expiry_timestamp_seconds{use=\"serving\"} 7",
            "heddle_build_info{version=\"0.1.0\",commit=\"abc\"} 1",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} is not in\n{text}");
        }
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = line.split(' ').next().expect("a name");
            assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
        }
    }
}

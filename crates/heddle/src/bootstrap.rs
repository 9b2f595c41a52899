//! The Envoy bootstrap: who the proxy is, where the controller is, and nothing that the controller can say.

use heddle_model::WorkloadKey;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The content of a bootstrap.
pub(crate) struct Bootstrap {
    /// The workload beside which the proxy runs: its node id.
    pub workload: WorkloadKey,
    /// Host and port of the controller.
    pub controller: (String, u16),
    /// The DNS name in the controller's certificate.
    pub server_name: String,
    /// The capture of the proxy's traffic: node metadata `heddle.capture`.
    pub capture: String,
    /// The address at which Envoy's admin pages listen; loopback.
    pub admin: SocketAddr,
    /// The address at which Envoy's Prometheus statistics are served to others.
    pub stats: Option<SocketAddr>,
    /// The variant of the protocol.
    pub variant: Variant,
}

/// The variant of the xDS protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Variant {
    /// The difference.
    #[default]
    Delta,
    /// For clusters and listeners, all of them.
    Sotw,
}

impl Variant {
    const fn api_type(self) -> &'static str {
        match self {
            Self::Delta => "DELTA_GRPC",
            Self::Sotw => "GRPC",
        }
    }
}

/// Statistics that are kept. Envoy makes thousands; these answer what users ask of a mesh.
const STATS: [&str; 12] = [
    "server.",
    "control_plane.",
    "cluster_manager.",
    "listener_manager.",
    "cluster.xds.",
    "sds.",
    "http.inbound",
    "http.outbound",
    "tcp.inbound",
    "tcp.outbound",
    "listener.",
    "rbac.",
];

/// Statistics of clusters that are kept, by their end.
const CLUSTER_STATS: [&str; 10] = [
    ".upstream_rq_total",
    ".upstream_rq_2xx",
    ".upstream_rq_4xx",
    ".upstream_rq_5xx",
    ".upstream_rq_time",
    ".upstream_cx_active",
    ".upstream_cx_total",
    ".upstream_cx_connect_fail",
    ".ssl.handshake",
    ".ssl.fail_verify_san",
];

impl Bootstrap {
    /// The bootstrap as Envoy reads it.
    pub(crate) fn json(&self) -> Value {
        json!({
            "node": {
                "id": self.workload.to_string(),
                "cluster": format!("{}/{}", self.workload.namespace, self.workload.name),
                "metadata": {"heddle.capture": self.capture},
            },
            "admin": {"address": socket(self.admin)},
            "dynamic_resources": {
                "ads_config": {
                    "api_type": self.variant.api_type(),
                    "transport_api_version": "V3",
                    "set_node_on_first_message_only": true,
                    // Envoy's own pauses grow to 30 s, however short the controller was away.
                    "grpc_services": [{"envoy_grpc": {
                        "cluster_name": "xds",
                        "retry_policy": {"retry_back_off": {"base_interval": "0.5s", "max_interval": "5s"}},
                    }}],
                },
                "cds_config": {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"},
                "lds_config": {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"},
            },
            "static_resources": {"listeners": self.listeners(), "clusters": self.clusters()},
            "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": patterns()}}},
            "deferred_stat_options": {"enable_deferred_creation_stats": true},
        })
    }

    fn clusters(&self) -> Vec<Value> {
        let mut all = vec![self.controller_cluster()];
        if self.stats.is_some() {
            all.push(json!({
                "name": "admin",
                "type": "STATIC",
                "load_assignment": assignment("admin", &self.admin.ip().to_string(), self.admin.port()),
            }));
        }
        all
    }

    /// One stream per connection: a stream that the controller ended before the certificate expired comes
    /// back over a new handshake, with the new certificate.
    fn controller_cluster(&self) -> Value {
        let (host, port) = &self.controller;
        let literal = host.parse::<IpAddr>().is_ok();
        json!({
            "name": "xds",
            "type": if literal { "STATIC" } else { "STRICT_DNS" },
            "connect_timeout": "2s",
            "load_assignment": assignment("xds", host, *port),
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "common_http_protocol_options": {"max_requests_per_connection": 1},
                    "explicit_http_config": {
                        "http2_protocol_options": {"connection_keepalive": {"interval": "30s", "timeout": "5s"}},
                    },
                },
            },
            "transport_socket": {
                "name": "envoy.transport_sockets.tls",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                    "sni": self.server_name,
                    "max_session_keys": 0,
                    "common_tls_context": self.tls(),
                },
            },
        })
    }

    fn tls(&self) -> Value {
        json!({
            "alpn_protocols": ["h2"],
            // As a client Envoy stops at TLS 1.2 unless told otherwise.
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
            "tls_certificate_sds_secret_configs": [secret("identity")],
            "combined_validation_context": {
                "default_validation_context": {
                    "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": self.server_name}}],
                },
                "validation_context_sds_secret_config": secret("roots"),
            },
        })
    }

    fn listeners(&self) -> Vec<Value> {
        let Some(stats) = self.stats else { return Vec::new() };
        vec![json!({
            "name": "prometheus",
            "address": socket(stats),
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": "prometheus",
                    "route_config": {"virtual_hosts": [{
                        "name": "prometheus",
                        "domains": ["*"],
                        "routes": [{"match": {"path": "/stats/prometheus"}, "route": {"cluster": "admin"}}],
                    }]},
                    "http_filters": [{
                        "name": "envoy.filters.http.router",
                        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
                    }],
                },
            }]}],
        })]
    }
}

fn patterns() -> Vec<Value> {
    let prefixes = STATS.iter().map(|prefix| json!({"prefix": prefix}));
    let suffixes = CLUSTER_STATS.iter().map(|suffix| json!({"suffix": suffix}));
    prefixes.chain(suffixes).chain([json!({"contains": "rbac"})]).collect()
}

/// A secret that the agent keeps in the folder in which the proxy runs.
fn secret(name: &str) -> Value {
    json!({
        "name": name,
        "sds_config": {
            "path_config_source": {"path": format!("sds/{name}.yaml"), "watched_directory": {"path": "sds"}},
            "resource_api_version": "V3",
        },
    })
}

fn socket(address: SocketAddr) -> Value {
    // Without it Envoy listens at [::] for IPv6 alone.
    let compatible = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let mut socket = json!({"address": address.ip().to_string(), "port_value": address.port()});
    if compatible {
        socket["ipv4_compat"] = true.into();
    }
    json!({"socket_address": socket})
}

fn assignment(cluster: &str, host: &str, port: u16) -> Value {
    json!({
        "cluster_name": cluster,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {
            "socket_address": {"address": host, "port_value": port},
        }}}]}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bootstrap(host: &str) -> Bootstrap {
        Bootstrap {
            workload: "pod/shop/web-0".parse().expect("valid"),
            controller: (host.into(), 15012),
            server_name: "heddle.heddle-system.svc".into(),
            capture: "captured".into(),
            admin: "127.0.0.1:15000".parse().expect("valid"),
            stats: Some("0.0.0.0:15090".parse().expect("valid")),
            variant: Variant::Delta,
        }
    }

    #[test]
    fn a_controller_named_by_host_is_resolved_and_by_address_is_not() {
        for (host, want) in
            [("heddle.heddle-system.svc", "STRICT_DNS"), ("127.0.0.1", "STATIC"), ("::1", "STATIC")]
        {
            assert_eq!(bootstrap(host).json()["static_resources"]["clusters"][0]["type"], want);
        }
    }

    #[test]
    fn secrets_are_named_by_relative_path_so_that_every_proxy_shares_them() {
        let text = bootstrap("127.0.0.1").json().to_string();
        assert!(
            text.contains(r#""path":"sds/identity.yaml""#) && text.contains(r#""path":"sds/roots.yaml""#)
        );
    }

    #[test]
    fn without_a_stats_address_nothing_listens() {
        let bootstrap = Bootstrap { stats: None, ..bootstrap("127.0.0.1") }.json();
        assert_eq!(bootstrap["static_resources"]["listeners"], json!([]));
        assert_eq!(bootstrap["static_resources"]["clusters"].as_array().map(Vec::len), Some(1));
    }
}

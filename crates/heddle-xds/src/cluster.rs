//! Clusters: Services' ports, the application itself, and the addresses that were dialled.

use crate::family_port::FamilyPort;
use crate::resource::{Resource, ResourceKey};
use crate::resource_name::Subject;
use crate::xds::cluster::{ClusterDiscoveryType, DiscoveryType, LbPolicy};
use crate::{address, endpoint, limits, tls, xds};
use heddle_model::Identity;
use heddle_model::capture::ENVOY_SOURCES;
use heddle_model::fact::{Accrual, DataPlane, Mesh, Protocol};
use heddle_model::snapshot::{Endpoints, Service, ServicePort, Transport};
use heddle_proto::ResourceType;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// The socket by which an Envoy hands connections back to itself, relative to where it was started.
pub(crate) const HANDBACK: &str = "handback.sock";

/// The cluster of a Service's port: each endpoint with the TLS of its own identity.
///
/// An endpoint whose identity is not among the matches (its list ran ahead) fails closed, for the default
/// socket is TLS that nobody satisfies.
pub(crate) fn of_port(
    mesh: &Mesh,
    at: &FamilyPort,
    (service, port): (&Service, &ServicePort),
    endpoints: &Endpoints,
) -> Resource {
    let name = at.to_string();
    Resource {
        body: xds::pack(&balanced(mesh, &name, (service, port), endpoints)),
        sources: BTreeSet::from([service.key.source()]),
        needs: vec![ResourceKey::new(ResourceType::Endpoint, name)],
    }
}

/// The same for connections to one address of a port that carries bytes.
pub(crate) fn of_bytes(
    mesh: &Mesh,
    name: &str,
    at: &FamilyPort,
    port: (&Service, &ServicePort),
    endpoints: &Endpoints,
) -> xds::Cluster {
    let mut cluster = balanced(mesh, name, port, endpoints);
    cluster.alt_stat_name = at.to_string();
    if let Some(config) = &mut cluster.eds_cluster_config {
        config.service_name = at.to_string();
    }
    cluster
}

fn balanced(
    mesh: &Mesh,
    name: &str,
    (service, port): (&Service, &ServicePort),
    endpoints: &Endpoints,
) -> xds::Cluster {
    let transports: BTreeSet<Transport> =
        endpoints.items.iter().map(|item| item.transport_from(DataPlane::Envoy)).collect();
    xds::Cluster {
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(xds::cluster::EdsClusterConfig {
            eds_config: xds::from_ads(),
            ..xds::cluster::EdsClusterConfig::default()
        }),
        lb_policy: LbPolicy::LeastRequest.into(),
        common_lb_config: Some(whoever_is_listed()),
        transport_socket: Some(tls::nobody()),
        outlier_detection: service.accrual.as_ref().map(ejection),
        transport_socket_matches: transports
            .iter()
            .filter_map(|transport| socket_match(mesh, transport))
            .collect(),
        typed_extension_protocol_options: http_options(port.protocol),
        ..base(mesh, name)
    }
}

/// The application behind an inbound port, at an address of its own.
pub(crate) fn application(
    mesh: &Mesh,
    subject: &Subject,
    protocol: Protocol,
    at: (IpAddr, u16),
) -> xds::Cluster {
    let name = subject.to_string();
    xds::Cluster {
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        load_assignment: Some(endpoint::single(&name, address::socket(at.0, at.1))),
        typed_extension_protocol_options: http_options(protocol),
        ..base(mesh, &name)
    }
}

/// The application behind captured inbound ports: where the connection was going, from an address that packet
/// rules leave alone. `app_port` where it listens elsewhere.
pub(crate) fn captured_application(
    mesh: &Mesh,
    subject: &Subject,
    protocol: Protocol,
    app_port: Option<u16>,
) -> xds::Cluster {
    let lb_config = app_port.map(|port| {
        xds::cluster::LbConfig::OriginalDstLbConfig(xds::cluster::OriginalDstLbConfig {
            upstream_port_override: xds::number(port.into()),
            ..xds::cluster::OriginalDstLbConfig::default()
        })
    });
    let [v4, v6] = ENVOY_SOURCES.map(source);
    xds::Cluster {
        upstream_bind_config: Some(xds::BindConfig {
            source_address: Some(v4),
            extra_source_addresses: vec![xds::ExtraSourceAddress { address: Some(v6), ..Default::default() }],
            ..xds::BindConfig::default()
        }),
        typed_extension_protocol_options: http_options(protocol),
        lb_config,
        ..dialled(mesh, &subject.to_string())
    }
}

/// The dialled address, as it is.
pub(crate) fn passthrough(mesh: &Mesh, subject: &Subject) -> xds::Cluster {
    dialled(mesh, &subject.to_string())
}

/// The same under the name of one address.
pub(crate) fn passthrough_at(mesh: &Mesh, name: &str) -> xds::Cluster {
    xds::Cluster { alt_stat_name: Subject::Passthrough.to_string(), ..dialled(mesh, name) }
}

/// The dialled address, if it proves to have this identity.
pub(crate) fn direct_at(mesh: &Mesh, name: &str, identity: &Identity) -> xds::Cluster {
    xds::Cluster {
        alt_stat_name: format!("direct:{identity}"),
        transport_socket: Some(tls::client(mesh, identity)),
        ..dialled(mesh, name)
    }
}

/// This Envoy again, where a connection goes to the listener of the address that was dialled.
pub(crate) fn handback(mesh: &Mesh, name: &str) -> xds::Cluster {
    xds::Cluster {
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        alt_stat_name: Subject::Handback.to_string(),
        load_assignment: Some(endpoint::single(name, address::pipe(HANDBACK, None))),
        transport_socket: Some(tls::proxied()),
        // A socket of the machine's own has nothing to keep alive.
        upstream_connection_options: None,
        ..base(mesh, name)
    }
}

/// Nobody, under the name of one address.
pub(crate) fn nobody(name: &str) -> xds::Cluster {
    xds::Cluster {
        name: name.into(),
        alt_stat_name: Subject::Blackhole.to_string(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        connect_timeout: xds::duration(Duration::from_secs(1)),
        ..xds::Cluster::default()
    }
}

/// Nobody: what goes here is closed.
pub(crate) fn blackhole(mesh: &Mesh) -> xds::Cluster {
    xds::Cluster {
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        ..base(mesh, &Subject::Blackhole.to_string())
    }
}

fn dialled(mesh: &Mesh, name: &str) -> xds::Cluster {
    xds::Cluster {
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::OriginalDst.into())),
        lb_policy: LbPolicy::ClusterProvided.into(),
        ..base(mesh, name)
    }
}

fn base(mesh: &Mesh, name: &str) -> xds::Cluster {
    xds::Cluster {
        name: name.into(),
        connect_timeout: xds::duration(mesh.connect_timeout.max(Duration::from_millis(1))),
        circuit_breakers: Some(no_limits()),
        upstream_connection_options: Some(xds::UpstreamConnectionOptions {
            tcp_keepalive: Some(limits::keepalive()),
            ..xds::UpstreamConnectionOptions::default()
        }),
        ..xds::Cluster::default()
    }
}

/// Envoy's own limits (1024 connections, 3 retries) answer 503 under load that applications bear.
fn no_limits() -> xds::CircuitBreakers {
    let most = xds::number(u32::MAX);
    let thresholds = xds::circuit_breakers::Thresholds {
        max_connections: most,
        max_pending_requests: most,
        max_requests: most,
        max_retries: most,
        ..xds::circuit_breakers::Thresholds::default()
    };
    xds::CircuitBreakers { thresholds: vec![thresholds], ..xds::CircuitBreakers::default() }
}

/// After so many failures in a row (5xx, and connections that fail) an endpoint is left alone, all of them if need
/// be; each time for longer. How Envoy would eject otherwise, by comparing endpoints, is turned off.
fn ejection(accrual: &Accrual) -> xds::OutlierDetection {
    let Accrual { max_failures, min_penalty, max_penalty, jitter_percent } = accrual;
    let least = (*min_penalty).max(Duration::from_millis(1));
    let jitter = least.saturating_mul(u32::from(*jitter_percent)) / 100;
    xds::OutlierDetection {
        consecutive_5xx: xds::number(*max_failures),
        enforcing_consecutive_5xx: xds::number(100),
        enforcing_consecutive_gateway_failure: xds::number(0),
        enforcing_success_rate: xds::number(0),
        base_ejection_time: xds::duration(least),
        max_ejection_time: xds::duration((*max_penalty).max(least)),
        max_ejection_time_jitter: xds::duration(jitter),
        max_ejection_percent: xds::number(100),
        // How often it is looked whether a penalty is over.
        interval: xds::duration(least.min(Duration::from_secs(1))),
        ..xds::OutlierDetection::default()
    }
}

/// Returns who is listed is healthy: there is no panic in which Envoy would guess otherwise.
fn whoever_is_listed() -> xds::cluster::CommonLbConfig {
    xds::cluster::CommonLbConfig {
        healthy_panic_threshold: Some(xds::Percent { value: 0.0 }),
        ..xds::cluster::CommonLbConfig::default()
    }
}

/// The socket of endpoints with one transport; `None` for those that must not be dialled.
fn socket_match(mesh: &Mesh, transport: &Transport) -> Option<xds::cluster::TransportSocketMatch> {
    let socket = match transport {
        Transport::Plain => tls::plain(),
        Transport::Mesh(identity) => tls::client(mesh, identity),
        Transport::Refused => return None,
    };
    let label = endpoint::label(transport);
    Some(xds::cluster::TransportSocketMatch {
        name: label.clone(),
        r#match: Some(endpoint::identity_is(&label)),
        transport_socket: Some(socket),
    })
}

fn source(address: IpAddr) -> xds::SocketAddress {
    xds::SocketAddress {
        address: address.to_string(),
        port_specifier: Some(xds::socket_address::PortSpecifier::PortValue(0)),
        ..xds::SocketAddress::default()
    }
}

/// The version of HTTP that is spoken: the declared one, else the client's own.
fn http_options(protocol: Protocol) -> BTreeMap<String, xds::Any> {
    use xds::http_protocol_options::{
        ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig, explicit_http_config,
    };
    let options = match protocol {
        Protocol::Http | Protocol::Detect => {
            UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig {
                http_protocol_options: Some(limits::http1()),
                http2_protocol_options: Some(limits::http2()),
                ..UseDownstreamHttpConfig::default()
            })
        }
        Protocol::Http2 | Protocol::Grpc => {
            let http2 = explicit_http_config::ProtocolConfig::Http2ProtocolOptions(limits::http2());
            UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig { protocol_config: Some(http2) })
        }
        Protocol::Tcp | Protocol::Opaque => return BTreeMap::new(),
    };
    let options = xds::HttpProtocolOptions {
        common_http_protocol_options: Some(limits::responses()),
        upstream_protocol_options: Some(options),
        ..xds::HttpProtocolOptions::default()
    };
    BTreeMap::from([("envoy.extensions.upstreams.http.v3.HttpProtocolOptions".into(), xds::pack(&options))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_fails_is_left_alone_within_the_limits_of_its_service() {
        let seconds = Duration::from_secs;
        let accrual = Accrual {
            max_failures: 7,
            min_penalty: seconds(2),
            max_penalty: seconds(60),
            jitter_percent: 50,
        };
        let got = ejection(&accrual);
        assert_eq!(got.consecutive_5xx, xds::number(7));
        assert_eq!(got.max_ejection_percent, xds::number(100));
        assert_eq!(
            [got.base_ejection_time, got.max_ejection_time, got.max_ejection_time_jitter, got.interval],
            [seconds(2), seconds(60), seconds(1), seconds(1)].map(xds::duration)
        );
        // Envoy wants a most that is no less than the least.
        let short =
            ejection(&Accrual { max_penalty: Duration::ZERO, min_penalty: Duration::ZERO, ..accrual });
        assert_eq!(short.max_ejection_time, short.base_ejection_time);
    }
}

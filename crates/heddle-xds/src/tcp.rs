//! TCP proxies: bytes to one cluster.

use crate::access_log::Direction;
use crate::filter::network_filter;
use crate::{access_log, xds};
use heddle_model::fact::Mesh;
use std::time::Duration;

/// The network filter that carries bytes to a cluster.
pub(crate) fn proxy(mesh: &Mesh, direction: Direction, cluster: &str) -> xds::Filter {
    let config = xds::TcpProxy {
        stat_prefix: cluster.into(),
        cluster_specifier: Some(xds::tcp_proxy::ClusterSpecifier::Cluster(cluster.into())),
        access_log: access_log::connections(mesh, direction),
        // Bytes may rest for as long as the two ends like.
        idle_timeout: xds::duration(Duration::ZERO),
        ..xds::TcpProxy::default()
    };
    network_filter("envoy.filters.network.tcp_proxy", &config)
}

//! TCP proxies: bytes to one cluster.

use crate::access_log::Direction;
use crate::filter::network_filter;
use crate::resource_name::{AT, Subject};
use crate::{access_log, xds};
use heddle_model::fact::Mesh;
use std::time::Duration;

/// The time for which a connection waits for the cluster that it asked for.
const ASKING: Duration = Duration::from_secs(10);

/// The network filter that carries bytes to a cluster.
pub(crate) fn proxy(mesh: &Mesh, direction: Direction, cluster: &str) -> xds::Filter {
    filter(&config(mesh, direction, cluster))
}

/// The network filters that carry bytes to the cluster of the dialled address, and ask for it where it is not known. `instead`
/// is a cluster of which nothing comes.
pub(crate) fn asking(mesh: &Mesh, instead: &str) -> Vec<xds::Filter> {
    let on_demand = xds::tcp_proxy::OnDemand {
        odcds_config: xds::from_ads(),
        timeout: xds::duration(ASKING),
        ..xds::tcp_proxy::OnDemand::default()
    };
    let proxy = xds::TcpProxy {
        stat_prefix: Subject::Outbound.to_string(),
        on_demand: Some(on_demand),
        access_log: access_log::dialled(mesh),
        ..config(mesh, Direction::Outbound, instead)
    };
    vec![dialled(), filter(&proxy)]
}

/// Notes the cluster of the dialled address.
fn dialled() -> xds::Filter {
    use xds::filter_state_value::{Key, Value};
    use xds::substitution_format_string::Format;
    let name = format!("{AT}%DOWNSTREAM_LOCAL_ADDRESS%");
    let text = xds::DataSource {
        specifier: Some(xds::data_source::Specifier::InlineString(name)),
        ..xds::DataSource::default()
    };
    let format = xds::SubstitutionFormatString {
        format: Some(Format::TextFormatSource(text)),
        ..xds::SubstitutionFormatString::default()
    };
    let cluster = xds::FilterStateValue {
        key: Some(Key::ObjectKey("envoy.tcp_proxy.cluster".into())),
        value: Some(Value::FormatString(format)),
        ..xds::FilterStateValue::default()
    };
    let choice = xds::SetFilterState { on_new_connection: vec![cluster], ..xds::SetFilterState::default() };
    network_filter("envoy.filters.network.set_filter_state", &choice)
}

fn config(mesh: &Mesh, direction: Direction, cluster: &str) -> xds::TcpProxy {
    xds::TcpProxy {
        stat_prefix: cluster.into(),
        cluster_specifier: Some(xds::tcp_proxy::ClusterSpecifier::Cluster(cluster.into())),
        access_log: access_log::connections(mesh, direction),
        // Bytes may rest for as long as the two ends like.
        idle_timeout: xds::duration(Duration::ZERO),
        ..xds::TcpProxy::default()
    }
}

fn filter(proxy: &xds::TcpProxy) -> xds::Filter {
    network_filter("envoy.filters.network.tcp_proxy", proxy)
}

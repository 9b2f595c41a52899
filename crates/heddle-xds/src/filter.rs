//! Filters, by the names under which Envoy finds them.

use crate::xds;

/// An HTTP filter, by the name under which it is found.
pub(crate) fn http_filter(name: &str, config: xds::Any) -> xds::HttpFilter {
    xds::HttpFilter {
        name: name.into(),
        config_type: Some(xds::http_filter::ConfigType::TypedConfig(config)),
        ..xds::HttpFilter::default()
    }
}

/// A network filter, by the name under which it is found.
pub(crate) fn network_filter<M: prost::Message + prost::Name>(name: &str, config: &M) -> xds::Filter {
    xds::Filter {
        name: name.into(),
        config_type: Some(xds::filter::ConfigType::TypedConfig(xds::pack(config))),
    }
}

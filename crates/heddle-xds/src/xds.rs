//! Envoy's messages under one short path, told apart where the API uses one name twice.

pub(crate) use heddle_proto::envoy::config::accesslog::v3::{
    AccessLog, AccessLogFilter, AndFilter, ComparisonFilter, ExtensionFilter, OrFilter, ResponseFlagFilter,
    StatusCodeFilter, access_log, access_log_filter, comparison_filter, extension_filter,
};
pub(crate) use heddle_proto::envoy::config::cluster::v3::{
    CircuitBreakers, Cluster, OutlierDetection, UpstreamConnectionOptions, circuit_breakers, cluster,
};
pub(crate) use heddle_proto::envoy::config::core::v3::{
    Address, AggregatedConfigSource, ApiVersion, BindConfig, CidrRange, ConfigSource, DataSource,
    ExtraSourceAddress, HeaderValue, HeaderValueOption, Http1ProtocolOptions, Http2ProtocolOptions,
    HttpProtocolOptions as CommonHttpOptions, Locality, Metadata, PathConfigSource, Pipe,
    ProxyProtocolConfig, RuntimeFractionalPercent, RuntimeUInt32, SocketAddress, SubstitutionFormatString,
    TcpKeepalive, TrafficDirection, TransportSocket, WatchedDirectory, address, config_source, data_source,
    header_value_option, proxy_protocol_config, socket_address, substitution_format_string, transport_socket,
};
pub(crate) use heddle_proto::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint,
};
pub(crate) use heddle_proto::envoy::config::listener::v3::{
    AdditionalAddress, Filter, FilterChain, FilterChainMatch, Listener, ListenerFilter,
    ListenerFilterChainMatchPredicate, filter, listener_filter, listener_filter_chain_match_predicate,
};
pub(crate) use heddle_proto::envoy::config::rbac::v3::{
    MetadataSource, Permission, Policy, Principal, Rbac, SourcedMetadata, permission, principal, rbac,
};
pub(crate) use heddle_proto::envoy::config::route::v3::{
    DirectResponseAction, HeaderMatcher, QueryParameterMatcher, RedirectAction, RetryPolicy, Route,
    RouteAction, RouteConfiguration, RouteMatch, VirtualHost, WeightedCluster, header_matcher,
    query_parameter_matcher, redirect_action, retry_policy, route, route_action, route_match,
    weighted_cluster,
};
pub(crate) use heddle_proto::envoy::extensions::access_loggers::filters::cel::v3::ExpressionFilter;
pub(crate) use heddle_proto::envoy::extensions::access_loggers::stream::v3::{
    StdoutAccessLog, stdout_access_log,
};
pub(crate) use heddle_proto::envoy::extensions::filters::common::set_filter_state::v3::{
    FilterStateValue, filter_state_value,
};
pub(crate) use heddle_proto::envoy::extensions::filters::http::rbac::v3::{
    Rbac as HttpRbac, RbacPerRoute as HttpRbacPerRoute,
};
pub(crate) use heddle_proto::envoy::extensions::filters::http::router::v3::Router;
pub(crate) use heddle_proto::envoy::extensions::filters::listener::http_inspector::v3::HttpInspector;
pub(crate) use heddle_proto::envoy::extensions::filters::listener::original_dst::v3::OriginalDst;
pub(crate) use heddle_proto::envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol;
pub(crate) use heddle_proto::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
pub(crate) use heddle_proto::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, Rds, http_connection_manager, http_filter,
};
pub(crate) use heddle_proto::envoy::extensions::filters::network::rbac::v3::Rbac as NetworkRbac;
pub(crate) use heddle_proto::envoy::extensions::filters::network::set_filter_state::v3::Config as SetFilterState;
pub(crate) use heddle_proto::envoy::extensions::filters::network::tcp_proxy::v3::{TcpProxy, tcp_proxy};
pub(crate) use heddle_proto::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
pub(crate) use heddle_proto::envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;
pub(crate) use heddle_proto::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;
pub(crate) use heddle_proto::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, SdsSecretConfig,
    SubjectAltNameMatcher, TlsParameters, UpstreamTlsContext, common_tls_context, downstream_tls_context,
    subject_alt_name_matcher, tls_parameters,
};
pub(crate) use heddle_proto::envoy::extensions::upstreams::http::v3::{
    HttpProtocolOptions, http_protocol_options,
};
pub(crate) use heddle_proto::envoy::r#type::matcher::v3::{
    MetadataMatcher, OrMatcher, PathMatcher, RegexMatchAndSubstitute, RegexMatcher, StringMatcher,
    ValueMatcher, metadata_matcher, path_matcher, string_matcher, value_matcher,
};
pub(crate) use heddle_proto::envoy::r#type::v3::{
    FractionalPercent, Int32Range, Percent, fractional_percent::DenominatorType,
};
pub(crate) use heddle_proto::google::protobuf::{
    Any, BoolValue, Duration, Struct, UInt32Value, Value, value,
};
pub(crate) use heddle_proto::pack;

/// A value that is set, where Envoy tells unset from zero.
pub(crate) const fn number(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

/// A value that is set, where Envoy tells unset from false.
pub(crate) const fn flag(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

/// A time span; the longest that Envoy takes where it is longer.
pub(crate) fn duration(span: std::time::Duration) -> Option<Duration> {
    // As nanoseconds in 64 bits, which Envoy refuses a table for exceeding.
    const LONGEST_SECONDS: u64 = 9_223_372_035;
    let seconds = span.as_secs().min(LONGEST_SECONDS);
    let nanos = if seconds == span.as_secs() { span.subsec_nanos() } else { 0 };
    Some(Duration { seconds: seconds.cast_signed(), nanos: nanos.cast_signed() })
}

/// From this very stream of discovery, and never given up on: what is named always comes.
pub(crate) fn from_ads() -> Option<ConfigSource> {
    Some(ConfigSource {
        resource_api_version: ApiVersion::V3.into(),
        initial_fetch_timeout: duration(std::time::Duration::ZERO),
        config_source_specifier: Some(config_source::ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..ConfigSource::default()
    })
}

/// The whole text, as it is.
pub(crate) fn exact(text: &str) -> StringMatcher {
    matcher(string_matcher::MatchPattern::Exact(text.into()))
}

/// The start of the text.
pub(crate) fn prefix(text: &str) -> StringMatcher {
    matcher(string_matcher::MatchPattern::Prefix(text.into()))
}

/// A whole-text RE2 expression that a user wrote.
pub(crate) fn regex(text: &str) -> StringMatcher {
    matcher(string_matcher::MatchPattern::SafeRegex(RegexMatcher { regex: text.into() }))
}

fn matcher(pattern: string_matcher::MatchPattern) -> StringMatcher {
    StringMatcher { match_pattern: Some(pattern), ..StringMatcher::default() }
}

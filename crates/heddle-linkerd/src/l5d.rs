//! linkerd2-proxy's messages under one short path, told apart where the API uses one name twice.

pub(crate) use heddle_proto::io::linkerd::proxy::destination::{
    AddrSet, DestinationProfile, NoEndpoints, ProtocolHint, TlsIdentity, WeightedAddr, protocol_hint,
    tls_identity,
};
pub(crate) use heddle_proto::io::linkerd::proxy::http_route::{
    HeaderMatch, HttpFailureInjector, HttpRouteMatch, PathMatch, PathModifier, QueryParamMatch,
    RequestHeaderModifier, RequestRedirect, ResponseHeaderModifier, Timeouts, header_match, path_match,
    path_modifier, query_param_match,
};
pub(crate) use heddle_proto::io::linkerd::proxy::http_types::{
    Headers, HttpMethod, Scheme, headers, http_method, scheme,
};
pub(crate) use heddle_proto::io::linkerd::proxy::meta::{Metadata, Resource, metadata};
pub(crate) use heddle_proto::io::linkerd::proxy::net::{IPv6, IpAddress, IpNetwork, TcpAddress, ip_address};
pub(crate) use heddle_proto::io::linkerd::proxy::opaque_route::Forbidden;
pub(crate) use heddle_proto::io::linkerd::proxy::{inbound, outbound};

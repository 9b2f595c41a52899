//! The discovery service over responses whose resources are already encoded.

use std::path::Path;
use tonic_prost_build::manual;

/// Writes the server of the service, on the wire the same as the one of the `.proto` file, over the
/// hand-written messages of `heddle_proto::raw`.
pub(super) fn service(out: &Path) {
    let service = manual::Service::builder()
        .package("envoy.service.discovery.v3")
        .name("AggregatedDiscoveryService")
        .method(method("stream", "StreamAggregatedResources", "Discovery"))
        .method(method("delta", "DeltaAggregatedResources", "DeltaDiscovery"))
        .build();
    manual::Builder::new().build_client(false).out_dir(out).compile(&[service]);
}

fn method(name: &str, route: &str, message: &str) -> manual::Method {
    manual::Method::builder()
        .name(format!("{name}_aggregated_resources"))
        .route_name(route)
        .input_type(format!("crate::envoy::service::discovery::v3::{message}Request"))
        .output_type(format!("crate::raw::{message}Response"))
        .codec_path("tonic_prost::ProstCodec")
        .client_streaming()
        .server_streaming()
        .build()
}

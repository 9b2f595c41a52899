//! The services whose answers are already encoded: on the wire the same as those of the `.proto` files, over the
//! hand-written messages of `heddle_proto::raw`.

use std::path::Path;
use tonic_prost_build::manual::{Builder, Method, MethodBuilder, Service};

/// Writes the servers.
pub(super) fn services(out: &Path) {
    let all = [discovery(), destination(), inbound(), outbound()];
    Builder::new().build_client(false).out_dir(out).compile(&all);
}

fn discovery() -> Service {
    let method = |name: &str, route: &str, message: &str| {
        of(&format!("{name}_aggregated_resources"), route)
            .input_type(format!("crate::envoy::service::discovery::v3::{message}Request"))
            .output_type(format!("crate::raw::{message}Response"))
            .client_streaming()
            .server_streaming()
            .build()
    };
    Service::builder()
        .package("envoy.service.discovery.v3")
        .name("AggregatedDiscoveryService")
        .method(method("stream", "StreamAggregatedResources", "Discovery"))
        .method(method("delta", "DeltaAggregatedResources", "DeltaDiscovery"))
        .build()
}

fn destination() -> Service {
    Service::builder()
        .package("io.linkerd.proxy.destination")
        .name("Destination")
        .method(linkerd("get", "Get", "destination::GetDestination").server_streaming().build())
        .method(
            linkerd("get_profile", "GetProfile", "destination::GetDestination").server_streaming().build(),
        )
        .build()
}

fn inbound() -> Service {
    Service::builder()
        .package("io.linkerd.proxy.inbound")
        .name("InboundServerPolicies")
        .method(linkerd("get_port", "GetPort", "inbound::PortSpec").build())
        .method(linkerd("watch_port", "WatchPort", "inbound::PortSpec").server_streaming().build())
        .build()
}

fn outbound() -> Service {
    Service::builder()
        .package("io.linkerd.proxy.outbound")
        .name("OutboundPolicies")
        .method(linkerd("get", "Get", "outbound::TrafficSpec").build())
        .method(linkerd("watch", "Watch", "outbound::TrafficSpec").server_streaming().build())
        .build()
}

fn linkerd(name: &str, route: &str, input: &str) -> MethodBuilder {
    of(name, route)
        .input_type(format!("crate::io::linkerd::proxy::{input}"))
        .output_type("crate::raw::Encoded")
}

fn of(name: &str, route: &str) -> MethodBuilder {
    Method::builder().name(name).route_name(route).codec_path("tonic_prost::ProstCodec")
}

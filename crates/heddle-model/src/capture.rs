//! Words by which everything that leads a Pod's traffic through its proxy agrees.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The source addresses from which an Envoy dials its own application, one per family: capture leaves them alone.
pub const ENVOY_SOURCES: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 6)), IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6))];

/// The user that an injected proxy runs as, whose connections are not captured.
pub const PROXY_USER: u32 = 2102;

/// The annotation of an injected Pod whose traffic the node's CNI plugin captures: the proxy that takes it.
pub const CAPTURE: &str = "heddle.dev/capture";

/// The annotation with the ports and ranges on which connections reach the application at once.
pub const SKIP_INBOUND: &str = "heddle.dev/skip-inbound-ports";

/// The annotation with the ports and ranges to which connections leave at once.
pub const SKIP_OUTBOUND: &str = "heddle.dev/skip-outbound-ports";

/// The annotation of a Namespace or a workload that names the Services of which proxies are told before they are dialled.
pub const USES: &str = "heddle.dev/uses";

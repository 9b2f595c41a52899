//! A backend: a balancer over the endpoints of a Service port, one address, or nobody.

use crate::endpoint::Dial;
use crate::l5d::{self, outbound as l5d_out};
use crate::{meta, name};
use heddle_model::fact::Mesh;
use heddle_model::{Families, Family, ServicePortKey};
use l5d_out::backend::{self, balance_p2c, endpoint_discovery};
use std::time::Duration;

/// The number of requests that wait for an endpoint, and for how long.
const QUEUE: u32 = 100;
const FAILFAST: Duration = Duration::from_secs(3);
/// The round-trip time from which an endpoint's load is estimated.
const DEFAULT_RTT: Duration = Duration::from_millis(30);
const DECAY: Duration = Duration::from_secs(10);

/// The description of a route.
pub(crate) struct Route {
    pub(crate) metadata: l5d::Metadata,
}

impl Route {
    /// A route of no object.
    pub(crate) fn default(name: &str) -> Self {
        Self { metadata: meta::default(name) }
    }
}

/// A balancer over a Service port's endpoints of the family that serves clients who dialled `dialled`.
///
/// A name that a proxy would panic at is left out: its requests are answered 502.
pub(crate) fn balanced(
    port: &ServicePortKey,
    families: Families,
    dialled: Option<Family>,
) -> l5d_out::Backend {
    let second = families.second().filter(|second| families.serving(dialled) == Some(*second));
    let kind = name::of_port(port, second).map(|path| {
        let get = backend::endpoint_discovery::DestinationGet { path };
        let load = balance_p2c::PeakEwma { default_rtt: Some(DEFAULT_RTT.into()), decay: Some(DECAY.into()) };
        backend::Kind::Balancer(backend::BalanceP2c {
            discovery: Some(backend::EndpointDiscovery { kind: Some(endpoint_discovery::Kind::Dst(get)) }),
            load: Some(balance_p2c::Load::PeakEwma(load)),
        })
    });
    with(meta::service(port), kind)
}

/// One address. Proxies panic at port 0: topics have none.
pub(crate) fn forward(metadata: &l5d::Metadata, dial: &Dial, mesh: &Mesh) -> l5d_out::Backend {
    let endpoint = dial.message(mesh);
    let kind = (dial.at.port() != 0).then_some(backend::Kind::Forward(endpoint));
    with(metadata.clone(), kind)
}

/// Nobody: whoever has it puts a filter before it that answers.
pub(crate) fn nobody(metadata: l5d::Metadata) -> l5d_out::Backend {
    with(metadata, None)
}

fn with(metadata: l5d::Metadata, kind: Option<backend::Kind>) -> l5d_out::Backend {
    let queue = l5d_out::Queue { capacity: QUEUE, failfast_timeout: Some(FAILFAST.into()) };
    l5d_out::Backend { metadata: Some(metadata), queue: Some(queue), kind }
}

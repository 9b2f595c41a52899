//! Service profiles, for what still asks for them: never more than a name, so that they override no policy.

use crate::l5d;
use crate::name;
use crate::subscription::Target;
use crate::tracked::TrackedSnapshot;
use heddle_model::fact::Protocol;
use heddle_model::{Owner, Reach, ServicePortKey};

/// The profile of a target; `None` where the Service has gone.
pub(crate) fn project(look: &TrackedSnapshot, target: &Target) -> Option<l5d::DestinationProfile> {
    match target {
        Target::Service(port) => of_port(look, port),
        Target::Address(at) => match look.owner(Reach::Mesh, at.ip()) {
            Some(Owner::Service(service)) => {
                let port = ServicePortKey { service: service.clone(), port: at.port() };
                Some(of_port(look, &port).unwrap_or_default())
            }
            // Whoever is there, the outbound policy says all of it.
            Some(Owner::Workload(_) | Owner::Endpoints(_) | Owner::Node(_) | Owner::ApiServer) | None => {
                Some(l5d::DestinationProfile::default())
            }
        },
    }
}

fn of_port(look: &TrackedSnapshot, port: &ServicePortKey) -> Option<l5d::DestinationProfile> {
    let service = look.service(&port.service)?;
    let found = service.ports.iter().find(|one| one.number == port.port)?;
    let opaque_protocol = match found.protocol {
        Protocol::Tcp | Protocol::Opaque => true,
        Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Detect => false,
    };
    let name = name::of_port(port, None).and_then(|path| Some(path.rsplit_once(':')?.0.to_string()));
    Some(l5d::DestinationProfile {
        fully_qualified_name: name.unwrap_or_default(),
        opaque_protocol,
        ..l5d::DestinationProfile::default()
    })
}

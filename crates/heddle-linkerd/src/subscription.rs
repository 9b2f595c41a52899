//! A question in canonical form: clients with equal topics share an answer.

use crate::{ProxyRequest, Refused, name};
use heddle_model::fact::ServiceForm;
use heddle_model::snapshot::Workload;
use heddle_model::{Family, Name, ServicePortKey, Snapshot, WorkloadKey};
use std::net::SocketAddr;

/// The subject of an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subscription {
    /// The endpoints of a Service port, as clients at a place see them.
    Endpoints {
        /// The port.
        port: ServicePortKey,
        /// The family of the address that the clients dialled, where the Service may have both.
        family: Option<Family>,
        /// The clients' place.
        place: Place,
    },
    /// A destination by name or address, for what still asks for profiles.
    Profile(Target),
    /// The policy of a port of a workload, and how it is spoken.
    Inbound {
        /// The workload.
        workload: WorkloadKey,
        /// Its port.
        port: u16,
    },
    /// The routes of the clients of a namespace that dial a target.
    Outbound {
        /// The clients' namespace: consumer routes and egress networks are theirs.
        namespace: Name,
        /// The dialled target.
        target: Target,
    },
}

/// A dialled target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// An address.
    Address(SocketAddr),
    /// A port of a Service, by name.
    Service(ServicePortKey),
}

/// The place of clients, as far as it makes a difference to what they ask about. Where it begins to make one, or
/// ceases to, the answer is [`crate::Answer::AskAgain`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// It makes none.
    Anywhere,
    /// In this zone; `None` is unknown.
    Zone(Option<Name>),
    /// On this Node, in this zone.
    Node(Option<Name>, Option<Name>),
}

/// The topic of a question that `client` asks.
///
/// # Errors
/// Says why it has none.
pub fn topic(ask: &ProxyRequest, client: &WorkloadKey, snapshot: &Snapshot) -> Result<Subscription, Refused> {
    match ask {
        ProxyRequest::Endpoints { path } => endpoints(path, client, snapshot),
        ProxyRequest::Profile { path } => profile(path, snapshot).map(Subscription::Profile),
        ProxyRequest::Inbound { port } => inbound(*port, client, snapshot),
        ProxyRequest::Outbound { target } => {
            let target = Target::Address(dialled(*target)?);
            Ok(Subscription::Outbound { namespace: client.namespace.clone(), target })
        }
        ProxyRequest::OutboundName { authority } => {
            let target = Target::Service(service(authority)?.0);
            Ok(Subscription::Outbound { namespace: client.namespace.clone(), target })
        }
    }
}

fn endpoints(path: &str, client: &WorkloadKey, snapshot: &Snapshot) -> Result<Subscription, Refused> {
    let (port, family) = service(path)?;
    let Some(found) = snapshot.services.get(&port.service) else {
        return Err(Refused::NotFound(format!("there is no Service {}", port.service)));
    };
    match found.form {
        ServiceForm::Virtual(_) | ServiceForm::Headless => {}
        ServiceForm::External(_) => {
            return Err(Refused::Malformed(format!("Service {} is of type ExternalName", port.service)));
        }
    }
    if !found.ports.iter().any(|one| one.number == port.port) {
        return Err(Refused::NotFound(format!("Service {} has no port {}", port.service, port.port)));
    }
    let client: Option<&Workload> = snapshot.workloads.get(client).map(|found| &**found);
    let (node, zone) = client.map_or((None, None), |client| (client.node.as_ref(), client.zone.as_ref()));
    Ok(Subscription::Endpoints { place: Place::for_locality(found.locality, node, zone), family, port })
}

/// A profile of what is unknown is refused for good: the proxy then does without, which is all the same to it.
fn profile(path: &str, snapshot: &Snapshot) -> Result<Target, Refused> {
    if let Ok(at) = path.parse::<SocketAddr>() {
        return dialled(at).map(Target::Address);
    }
    let (port, _) = service(path)?;
    let found = snapshot.services.get(&port.service);
    if found.is_some_and(|found| found.ports.iter().any(|one| one.number == port.port)) {
        return Ok(Target::Service(port));
    }
    Err(Refused::Malformed(format!("there is no Service port {port}")))
}

fn inbound(port: u32, client: &WorkloadKey, snapshot: &Snapshot) -> Result<Subscription, Refused> {
    let number = u16::try_from(port).ok().filter(|port| *port != 0);
    let Some(port) = number else {
        return Err(Refused::Malformed(format!("{port} is no port, want 1 to 65535")));
    };
    if !snapshot.workloads.contains_key(client) {
        return Err(Refused::NotFound(format!("there is no workload {client}")));
    }
    Ok(Subscription::Inbound { workload: client.clone(), port })
}

fn service(path: &str) -> Result<(ServicePortKey, Option<Family>), Refused> {
    name::parse(path).map_err(Refused::Malformed)
}

fn dialled(at: SocketAddr) -> Result<SocketAddr, Refused> {
    if at.port() == 0 {
        return Err(Refused::Malformed(format!("{at} has no port")));
    }
    Ok(SocketAddr::new(at.ip().to_canonical(), at.port()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::fact::Locality;
    use heddle_model::route::RouteDefaults;
    use heddle_model::snapshot::{Service, ServicePort};
    use heddle_model::{Families, ServiceKey, WorkloadKind};
    use std::sync::Arc;

    fn client() -> WorkloadKey {
        WorkloadKey::new(WorkloadKind::Pod, "shop", "web")
    }

    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (name, form) in [
            ("cart", ServiceForm::Virtual(Vec::new())),
            ("mail", ServiceForm::External("mail.example.org".into())),
        ] {
            let protocol = heddle_model::fact::Protocol::Http;
            let key = ServiceKey::new("shop", name);
            let service = Service {
                key: key.clone(),
                form,
                families: Families::Unstated,
                ports: vec![ServicePort { name: "http".into(), number: 80, protocol }],
                locality: Locality::PreferZone,
                accrual: None,
                defaults: RouteDefaults::default(),
            };
            snapshot.services.insert(key, Arc::new(service));
        }
        snapshot
    }

    #[track_caller]
    fn refused(ask: ProxyRequest, want: Refused) {
        assert_eq!(topic(&ask, &client(), &snapshot()), Err(want));
    }

    fn endpoints_of(path: &str) -> ProxyRequest {
        ProxyRequest::Endpoints { path: path.into() }
    }

    #[test]
    fn what_can_never_be_is_refused_for_good() {
        refused(
            ProxyRequest::Inbound { port: 0 },
            Refused::Malformed("0 is no port, want 1 to 65535".into()),
        );
        refused(
            ProxyRequest::Inbound { port: 70_000 },
            Refused::Malformed("70000 is no port, want 1 to 65535".into()),
        );
        let target = "10.0.0.1:0".parse().expect("an address");
        refused(ProxyRequest::Outbound { target }, Refused::Malformed("10.0.0.1:0 has no port".into()));
        let external = "Service shop/mail is of type ExternalName";
        refused(endpoints_of("mail.shop.svc.cluster.local:80"), Refused::Malformed(external.into()));
        let unknown = ProxyRequest::Profile { path: "none.shop.svc.cluster.local:80".into() };
        refused(unknown, Refused::Malformed("there is no Service port shop/none:80".into()));
    }

    #[test]
    fn what_may_yet_come_is_not_found() {
        refused(
            ProxyRequest::Inbound { port: 80 },
            Refused::NotFound("there is no workload pod/shop/web".into()),
        );
        let none = "there is no Service shop/none";
        refused(endpoints_of("none.shop.svc.cluster.local:80"), Refused::NotFound(none.into()));
        let no_port = "Service shop/cart has no port 81";
        refused(endpoints_of("cart.shop.svc.cluster.local:81"), Refused::NotFound(no_port.into()));
    }

    #[test]
    fn a_place_counts_as_far_as_the_service_minds() {
        let ask = endpoints_of("cart.shop.svc.cluster.local");
        let Ok(Subscription::Endpoints { place, .. }) = topic(&ask, &client(), &snapshot()) else {
            panic!("{ask:?}")
        };
        assert_eq!(place, Place::Zone(None));
    }

    #[test]
    fn one_address_has_one_topic_however_it_is_written() {
        let subscription = |target: &str| {
            let ask = ProxyRequest::Outbound { target: target.parse().expect("an address") };
            topic(&ask, &client(), &snapshot())
        };
        assert_eq!(subscription("[::ffff:10.0.0.1]:80"), subscription("10.0.0.1:80"));
    }
}

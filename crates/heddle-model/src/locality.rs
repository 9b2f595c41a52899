//! Endpoints of a Service that may be chosen for a client, and their order: the one rule that the decisions and
//! every dialect share.

use crate::Name;
use crate::fact::Locality;
use crate::snapshot::{Endpoint, Health};

/// The place of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientPlace<'a> {
    /// Its Node.
    pub node: Option<&'a Name>,
    /// Its zone.
    pub zone: Option<&'a Name>,
}

/// Returns the endpoints in tiers, each in the order given, none empty: a proxy chooses from the first, and those that
/// can fail over do so in this order.
///
/// `OnlyNode` narrows before readiness is looked at (a Node's ending endpoint is better than another Node's ready one, as
/// for kube-proxy); the preferences order after it. Endpoints that drain count only where none is ready.
pub fn tiers<'a>(
    endpoints: impl Iterator<Item = &'a Endpoint>,
    locality: Locality,
    client: ClientPlace,
) -> Vec<Vec<&'a Endpoint>> {
    let on_node = |endpoint: &Endpoint| client.node.is_some() && endpoint.node.as_ref() == client.node;
    let in_zone = |endpoint: &Endpoint| client.zone.is_some() && endpoint.zone.as_ref() == client.zone;
    match locality {
        Locality::Any => nearest(usable(endpoints), &[]),
        Locality::PreferZone => nearest(usable(endpoints), &[&in_zone]),
        Locality::PreferNode => nearest(usable(endpoints), &[&on_node, &in_zone]),
        Locality::OnlyNode => nearest(usable(endpoints.filter(|endpoint| on_node(endpoint))), &[]),
    }
}

/// Returns the endpoints that may be chosen while the nearest ones answer: the first of [`tiers`].
pub fn eligible<'a>(
    endpoints: impl Iterator<Item = &'a Endpoint>,
    locality: Locality,
    client: ClientPlace,
) -> Vec<&'a Endpoint> {
    tiers(endpoints, locality, client).into_iter().next().unwrap_or_default()
}

/// Those that are ready; those that drain only where nobody is ready.
fn usable<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Vec<&'a Endpoint> {
    let (ready, draining): (Vec<_>, Vec<_>) =
        endpoints.partition(|endpoint| endpoint.health == Health::Ready);
    if ready.is_empty() { draining } else { ready }
}

/// Each predicate takes its endpoints out of what is left, which comes last.
fn nearest<'a>(endpoints: Vec<&'a Endpoint>, near: &[&dyn Fn(&Endpoint) -> bool]) -> Vec<Vec<&'a Endpoint>> {
    let mut tiers = Vec::new();
    let mut rest = endpoints;
    for is_near in near {
        let (inside, outside): (Vec<_>, Vec<_>) = rest.into_iter().partition(|endpoint| is_near(endpoint));
        tiers.push(inside);
        rest = outside;
    }
    tiers.push(rest);
    tiers.retain(|tier| !tier.is_empty());
    tiers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Transport;

    /// `a1n` is an endpoint with port 1 in zone `a` on Node `n`; a leading `!` drains.
    fn endpoint(text: &str) -> Endpoint {
        let (health, text) = match text.strip_prefix('!') {
            Some(rest) => (Health::Draining, rest),
            None => (Health::Ready, text),
        };
        Endpoint {
            address: [10, 0, 0, 1].into(),
            port: text[1..2].parse().expect("a digit"),
            workload: None,
            transport: Transport::Plain,
            health,
            node: Some(text[2..].into()),
            region: None,
            zone: Some(text[..1].into()),
            server: None,
        }
    }

    #[test]
    fn tiers_of_a_client_in_zone_a_on_node_n() {
        let (node, zone) = (Name::from("n"), Name::from("a"));
        let client = ClientPlace { node: Some(&node), zone: Some(&zone) };
        for (locality, all, want) in [
            (Locality::Any, "a1n b2m !a3n", "12"),
            (Locality::Any, "!a1n !b2m", "12"),
            (Locality::PreferZone, "b1m a2m a3n", "23 1"),
            (Locality::PreferZone, "b1m c2m", "12"),
            (Locality::PreferZone, "!a1n b2m", "2"),
            (Locality::PreferNode, "b1m a2m a3n", "3 2 1"),
            (Locality::PreferNode, "b1m a2m", "2 1"),
            (Locality::PreferNode, "!a1n b2m", "2"),
            (Locality::OnlyNode, "a1n a2m", "1"),
            (Locality::OnlyNode, "!a1n a2m", "1"),
            (Locality::OnlyNode, "a2m", ""),
            (Locality::PreferNode, "", ""),
        ] {
            let endpoints: Vec<Endpoint> = all.split_whitespace().map(endpoint).collect();
            let tiers = tiers(endpoints.iter(), locality, client);
            let text =
                |tier: &Vec<&Endpoint>| tier.iter().map(|one| one.port.to_string()).collect::<String>();
            let got: Vec<String> = tiers.iter().map(text).collect();
            assert_eq!(got.join(" "), want, "{locality:?} of {all}");
        }
    }

    #[test]
    fn a_client_without_a_place_is_near_to_nothing() {
        let all = [endpoint("a1n"), endpoint("b2m")];
        for (locality, want) in [
            (Locality::Any, 2),
            (Locality::PreferZone, 2),
            (Locality::PreferNode, 2),
            (Locality::OnlyNode, 0),
        ] {
            assert_eq!(eligible(all.iter(), locality, ClientPlace::default()).len(), want, "{locality:?}");
        }
    }
}

//! One EgressNetwork: what lies outside, and whether it does.

use crate::addresses::network::node_address_in;
use crate::tables::Tables;
use heddle_model::access::Network;
use heddle_model::fact::{Egress, EgressNetwork};
use heddle_model::report::{Condition, Report, Subject};
use heddle_model::{Fact, SourceRef};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The status of an EgressNetwork that allows, but not what.
const NAMELESS: &str = "trafficPolicy Allow names no networks: it allows nothing, and the egress of the Mesh decides; \
                        list what is allowed, all that is outside is 0.0.0.0/0 and ::/0 except the cluster's networks";

/// The facts that EgressNetworks are resolved from.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) tables: &'a Tables,
    /// The networks of the cluster.
    pub(crate) cidrs: &'a [IpNet],
}

impl View<'_> {
    /// Returns an EgressNetwork with its networks written out. One that overlaps the cluster's networks, or allows and
    /// names none (an API server may have cut off a mistyped field), is not accepted: it allows nothing then. One that
    /// denies still denies what it denies.
    pub(crate) fn resolve(self, source: &SourceRef) -> Option<EgressNetwork> {
        let closed = self.closed();
        let mut egress = self.tables.egress(source)?;
        if egress.networks.is_empty() && egress.policy == Egress::Deny {
            egress.networks = outside(&closed);
        }
        match egress.policy {
            Egress::Allow if egress.networks.is_empty() => None,
            Egress::Allow if overlaps(&egress, &closed).is_some() => None,
            Egress::Allow | Egress::Deny => Some(egress),
        }
    }

    /// Returns the networks that are the Pods' and Services' alone. Another one holds what lies outside, too.
    fn closed(self) -> Vec<IpNet> {
        let closed = self.cidrs.iter().filter(|network| node_address_in(self.tables, **network).is_none());
        closed.copied().collect()
    }
}

/// Returns what became of it, as Linkerd says it.
pub(crate) fn report(view: View, source: &SourceRef) -> Report {
    let tables = view.tables;
    if let Some(Fact::Invalid(invalid)) = tables.row(source).map(|row| &row.fact) {
        let message = format!("{}; until it is corrected all that is outside is denied", invalid.message);
        let accepted = Condition::new("Accepted", false, "Invalid", message).diagnosed();
        return Report { subjects: vec![Subject { parent: None, conditions: vec![accepted] }] };
    }
    let egress = tables.egress(source);
    let nameless =
        egress.as_ref().is_some_and(|egress| egress.policy == Egress::Allow && egress.networks.is_empty());
    let overlap = egress.and_then(|egress| overlaps(&egress, &view.closed()));
    let accepted = match overlap {
        None if nameless => Condition::new("Accepted", false, "NoNetworks", NAMELESS.to_string()),
        None => Condition::new("Accepted", true, "Accepted", String::new()),
        Some((own, of_cluster)) => Condition::new(
            "Accepted",
            false,
            "EgressReasonNetworkOverlap",
            format!("{own} overlaps the cluster's network {of_cluster}"),
        ),
    };
    Report { subjects: vec![Subject { parent: None, conditions: vec![accepted] }] }
}

/// Everything but the cluster's networks.
fn outside(closed: &[IpNet]) -> Vec<Network> {
    let all = [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
    let without = |cidr: IpNet| {
        let except = closed.iter().filter(|network| cidr.contains(*network)).copied();
        Network { cidr, except: except.collect() }
    };
    all.into_iter().map(without).collect()
}

/// The first of its networks that shares addresses with one of the cluster's, and that.
fn overlaps(egress: &EgressNetwork, closed: &[IpNet]) -> Option<(IpNet, IpNet)> {
    let pairs = egress.networks.iter().flat_map(|own| closed.iter().map(move |other| (own, other)));
    pairs.into_iter().find_map(|(own, other)| {
        let shared = match (own.cidr.contains(other), other.contains(&own.cidr)) {
            (true, _) => *other,
            (false, true) => own.cidr,
            (false, false) => return None,
        };
        let left_out = own.except.iter().any(|hole| hole.contains(&shared));
        (!left_out).then_some((own.cidr, *other))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_overlap_unless_the_holes_are_the_clusters() {
        let closed = ["10.0.0.0/8".parse().unwrap()];
        let check = |cidr: &str, except: &[&str], want: bool| {
            let except = except.iter().map(|hole| hole.parse().unwrap()).collect();
            let network = Network { cidr: cidr.parse().unwrap(), except };
            let egress = EgressNetwork { networks: vec![network], policy: Egress::Allow, created: None };
            assert_eq!(overlaps(&egress, &closed).is_some(), want, "{cidr}");
        };
        check("0.0.0.0/0", &[], true);
        check("0.0.0.0/0", &["10.0.0.0/8"], false);
        check("0.0.0.0/0", &["10.1.0.0/16"], true);
        check("10.1.0.0/16", &[], true);
        check("192.0.2.0/24", &[], false);
        check("::/0", &[], false);
        let all = EgressNetwork { networks: outside(&closed), policy: Egress::Deny, created: None };
        assert_eq!(overlaps(&all, &closed), None);
    }
}

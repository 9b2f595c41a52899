//! One Service as resolved.

use crate::address::describe;
use crate::multimap::Multimap;
use crate::tables::{Tables, virtual_ips};
use heddle_model::fact::{self, Protocol, ServiceForm};
use heddle_model::snapshot::{Owner, RouteKey, Service, ServicePort};
use heddle_model::{Diagnostic, Kind, Map, ServiceKey, ServicePortKey, SourceRef};
use std::net::IpAddr;

/// A Service with the virtual IPs that are its own and the protocols that its ports speak.
pub(crate) fn resolve(
    tables: &Tables,
    owners: &Map<IpAddr, Owner>,
    attached: &Multimap<RouteKey, SourceRef>,
    key: &ServiceKey,
) -> Option<Service> {
    let fact::Service { form, ports, selector: _, publish_not_ready: _, locality, accrual, defaults } =
        tables.service(key)?;
    let own = |ip: &&IpAddr| owners.get(*ip) == Some(&Owner::Service(key.clone()));
    let form = match form {
        ServiceForm::Virtual(ips) => ServiceForm::Virtual(ips.iter().filter(own).copied().collect()),
        ServiceForm::Headless => ServiceForm::Headless,
        ServiceForm::External(name) => ServiceForm::External(name.clone()),
    };
    let ports = ports.iter().map(|port| {
        let fact::ServicePort { name, number, target: _, protocol } = port;
        let routed = || is_routed(attached, ServicePortKey { service: key.clone(), port: *number });
        let protocol = protocol.unwrap_or_else(|| if routed() { Protocol::Http } else { Protocol::Detect });
        ServicePort { name: name.clone(), number: *number, protocol }
    });
    let mut ports: Vec<_> = ports.collect();
    ports.sort_by_key(|port| port.number);
    let (locality, accrual, defaults) = (*locality, *accrual, defaults.clone());
    Some(Service { key: key.clone(), form, ports, locality, accrual, defaults })
}

/// What is wrong with a Service: virtual IPs that another one owns.
pub(crate) fn diagnostics(tables: &Tables, owners: &Map<IpAddr, Owner>, key: &ServiceKey) -> Vec<Diagnostic> {
    let ips = tables.service(key).map_or(&[][..], virtual_ips);
    let lost = ips.iter().enumerate().filter_map(|(index, ip)| {
        let owner = owners.get(ip).filter(|owner| **owner != Owner::Service(key.clone()))?;
        Some(Diagnostic {
            object: key.source(),
            field: format!("spec.clusterIPs[{index}]"),
            reason: "ForeignAddress",
            message: format!("{ip} belongs to {}: it leads there", describe(owner)),
        })
    });
    lost.collect()
}

/// Whether an HTTPRoute of the Service's own namespace is attached to a port. Another namespace's must change
/// nothing for the Service's other clients, and a ServiceProfile is attached to every port, whatever that speaks.
fn is_routed(attached: &Multimap<RouteKey, SourceRef>, port: ServicePortKey) -> bool {
    let attached = attached.of(&RouteKey { port, consumer: None });
    attached.iter().any(|route| route.kind != Kind::ServiceProfile)
}

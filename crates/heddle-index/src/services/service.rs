//! One Service as resolved.

use crate::multimap::Multimap;
use crate::routes::attachment::Attachment;
use crate::services::service_port::{OpaquePorts, Stated, is_bytes, stated};
use crate::tables::{Tables, virtual_ips};
use heddle_model::fact::{self, Mesh, Protocol, ServiceForm};
use heddle_model::snapshot::{RouteKey, Service, ServicePort};
use heddle_model::{AddressKey, Diagnostic, Map, Owner, ServiceKey, ServicePortKey, SourceRef};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A Service with the virtual IPs that are its own and the protocols that its ports speak.
pub(crate) fn resolve(
    tables: &Tables,
    mesh: &Mesh,
    owners: &Map<AddressKey, Owner>,
    routes: &Attached<'_>,
    key: &ServiceKey,
) -> Option<Service> {
    let fact = tables.service(key)?;
    let fact::Service {
        form,
        families,
        ports,
        opaque_ports: _,
        selector: _,
        publish_not_ready: _,
        locality,
        accrual,
        defaults,
        created: _,
    } = fact;
    let own = |ip: &&IpAddr| owners.get(&AddressKey::of_mesh(**ip)) == Some(&Owner::Service(key.clone()));
    let form = match form {
        ServiceForm::Virtual(ips) => ServiceForm::Virtual(ips.iter().filter(own).copied().collect()),
        ServiceForm::Headless => ServiceForm::Headless,
        ServiceForm::External(name) => ServiceForm::External(name.clone()),
    };
    let opaque = OpaquePorts::of(tables, mesh, key, fact);
    let ports = ports.iter().map(|port| {
        let fact::ServicePort { name, number, target: _, protocol: _ } = port;
        let protocol = protocol(routes, key, *number, stated(&opaque, port));
        ServicePort { name: name.clone(), number: *number, protocol }
    });
    let mut ports: Vec<_> = ports.collect();
    ports.sort_by_key(|port| port.number);
    let (families, locality, accrual, defaults) = (*families, *locality, *accrual, defaults.clone());
    Some(Service { key: key.clone(), form, families, ports, locality, accrual, defaults })
}

/// Returns what is wrong with a Service: virtual IPs that another owns.
pub(crate) fn diagnostics(
    tables: &Tables,
    owners: &Map<AddressKey, Owner>,
    key: &ServiceKey,
) -> Vec<Diagnostic> {
    let ips = tables.service(key).map_or(&[][..], virtual_ips);
    let lost = ips.iter().enumerate().filter_map(|(index, ip)| {
        let owner = owners.get(&AddressKey::of_mesh(*ip));
        let owner = owner.filter(|owner| **owner != Owner::Service(key.clone()))?;
        Some(Diagnostic {
            object: key.source(),
            field: format!("spec.clusterIPs[{index}]"),
            reason: "ForeignAddress",
            message: format!("{ip} belongs to {owner}: it leads there"),
        })
    });
    lost.collect()
}

/// Returns what a port speaks: as its Service states it, but HTTP where a route names it that stands before the statement;
/// detected where nobody says it.
fn protocol(routes: &Attached<'_>, key: &ServiceKey, number: u16, stated: Option<Stated>) -> Protocol {
    let made_http = || routes.make_http(&ServicePortKey { service: key.clone(), port: number });
    match stated {
        Some(Stated { protocol, origin }) if is_bytes(protocol) && origin.yields_to_routes() => {
            if made_http() { Protocol::Http } else { protocol }
        }
        Some(Stated { protocol, origin: _ }) => protocol,
        None if made_http() => Protocol::Http,
        None => Protocol::Detect,
    }
}

/// The routes at every Service port.
pub(crate) struct Attached<'a> {
    pub(crate) by_table: &'a Multimap<RouteKey, SourceRef>,
    pub(crate) attachments: &'a BTreeMap<SourceRef, Attachment>,
}

impl Attached<'_> {
    /// Returns whether a route of the Service's own namespace names the port. Another namespace's must change nothing for the
    /// Service's other clients.
    fn make_http(&self, port: &ServicePortKey) -> bool {
        let sources = self.by_table.of(&RouteKey { port: port.clone(), consumer: None });
        let mut found = sources.iter().filter_map(|source| self.attachments.get(source));
        found.any(|route| route.made_http.contains(port))
    }
}

//! A Snapshot as text: everything that decides, defaults left out.

mod access;
mod http;

use heddle_model::fact::{DataPlane, EgressNetwork, Locality, Mesh, Mtls, ServiceForm};
use heddle_model::report::Diagnostic;
use heddle_model::route::RouteDefaults;
use heddle_model::snapshot::{
    Endpoint, Health, InboundDefault, InboundPort, Service, ServicePort, Transport, Workload,
};
use heddle_model::{
    AddressKey, ClusterNetwork, Families, Kind, Map, Owner, Reach, ServicePortKey, Snapshot, SourceRef, Uses,
};
use ipnet::IpNet;
use std::fmt::{Display, Write};

/// The Snapshot as text, without the reports (they are seen as statuses).
pub fn dump(snapshot: &Snapshot) -> String {
    let Snapshot {
        mesh,
        workloads,
        services,
        endpoints: _,
        routes: _,
        addresses,
        networks,
        egress,
        reports: _,
        diagnostics,
    } = snapshot;
    let mut text = Text::default();
    mesh_lines(&mut text, mesh);
    for workload in workloads.values() {
        workload_lines(&mut text, workload);
    }
    for service in services.values() {
        service_lines(&mut text, snapshot, service);
    }
    for (key, owner) in addresses {
        address_line(&mut text, key, owner);
    }
    network_lines(&mut text, networks);
    for (source, EgressNetwork { networks, policy, created: _ }) in egress.iter().map(|(k, v)| (k, &**v)) {
        let networks = access::networks(networks);
        text.line(0, format_args!("egress {}/{} {policy:?} {networks}", source.namespace, source.name));
    }
    for (source, found) in diagnostics {
        found.iter().for_each(|diagnostic| diagnostic_line(&mut text, source, diagnostic));
    }
    text.0
}

/// Lines, indented by two spaces a level.
#[derive(Default)]
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn line(&mut self, level: usize, line: impl Display) {
        let line = line.to_string();
        let width = level * 2;
        writeln!(self.0, "{:width$}{}", "", line.trim_end()).expect("a String takes everything");
    }
}

/// ` name=value`, or nothing for an absent value.
pub(crate) fn field<T: Display>(name: &str, value: Option<T>) -> String {
    value.map_or_else(String::new, |value| format!(" {name}={value}"))
}

/// Items with a space between.
pub(crate) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
}

/// Whoever owns an address for all clients says it himself, but for Services: they may have lost one.
fn address_line(text: &mut Text, key: &AddressKey, owner: &Owner) {
    match (&key.reach, owner) {
        (Reach::Mesh, Owner::Service(service)) => {
            text.line(0, format_args!("address {} is of service {service}", key.address));
        }
        (Reach::Mesh, Owner::Workload(_)) => {}
        (Reach::Mesh, Owner::Node(_) | Owner::ApiServer | Owner::Endpoints(_)) | (Reach::Namespace(_), _) => {
            text.line(0, format_args!("address {key} is of {owner}{}", ports(owner)));
        }
    }
}

fn ports(owner: &Owner) -> String {
    match owner {
        Owner::Endpoints(ports) => ports.iter().map(|(at, port)| format!(" {at}={port}")).collect(),
        Owner::Service(_) | Owner::Workload(_) | Owner::Node(_) | Owner::ApiServer => String::new(),
    }
}

fn mesh_lines(text: &mut Text, mesh: &Mesh) {
    let Mesh {
        trust_domain,
        identity_suffix,
        networks,
        address_grants,
        posture,
        scope,
        egress,
        access_log,
        connect_timeout,
    } = mesh;
    let usual = Mesh::default();
    let mut line = String::from("mesh");
    let mut unusual = |name: &str, value: String, differs: bool| {
        if differs {
            line += &format!(" {name}={value}");
        }
    };
    unusual("trust-domain", trust_domain.to_string(), *trust_domain != usual.trust_domain);
    unusual("suffix", identity_suffix.to_string(), *identity_suffix != usual.identity_suffix);
    unusual("networks", list(networks).replace(' ', ","), *networks != usual.networks);
    let grants = address_grants.iter().map(|(of, cidrs)| format!("{of}:{}", list(cidrs).replace(' ', ",")));
    unusual("grants", list(grants).replace(' ', ","), *address_grants != usual.address_grants);
    unusual("posture", format!("{posture:?}"), *posture != usual.posture);
    unusual("scope", format!("{scope:?}"), *scope != usual.scope);
    unusual("egress", format!("{egress:?}"), *egress != usual.egress);
    unusual("access-log", format!("{access_log:?}"), *access_log != usual.access_log);
    unusual("connect-timeout", format!("{connect_timeout:?}"), *connect_timeout != usual.connect_timeout);
    if line != "mesh" {
        text.line(0, line);
    }
}

fn network_lines(text: &mut Text, networks: &Map<IpNet, ClusterNetwork>) {
    let (alone, stated): (Vec<_>, Vec<_>) = networks.iter().partition(|(_, of)| of.source.kind == Kind::Pod);
    for (network, ClusterNetwork { source, shared }) in stated {
        let shared = if *shared { ", shared" } else { "" };
        text.line(0, format_args!("network {network} of {source}{shared}"));
    }
    if !alone.is_empty() {
        text.line(0, format_args!("Pods alone: {}", list(alone.iter().map(|(network, _)| network.addr()))));
    }
}

fn workload_lines(text: &mut Text, workload: &Workload) {
    let Workload {
        key,
        identity,
        addresses,
        plane,
        node,
        region,
        zone,
        host_network,
        skip_inbound_ports,
        uses,
        inbound,
        undeclared,
    } = workload;
    let identity = identity.as_ref().map_or_else(|| "nobody".into(), ToString::to_string);
    let plane = plane.map_or_else(|| "no proxy".into(), |plane| format!("{plane:?}").to_lowercase());
    let place =
        field("node", node.as_ref()) + &field("region", region.as_ref()) + &field("zone", zone.as_ref());
    let skips = (!skip_inbound_ports.is_empty()).then(|| list(skip_inbound_ports).replace(' ', ","));
    let skips = field("skips", skips);
    let uses = uses.as_ref().map(|uses| match uses {
        Uses::All => "all".to_string(),
        Uses::Services(services) => list(services).replace(' ', ","),
    });
    let uses = field("uses", uses);
    let host = if *host_network { " host-network" } else { "" };
    let addresses = list(addresses);
    text.line(0, format_args!("workload {key}: {identity}, {plane}, {addresses}{place}{skips}{uses}{host}"));
    inbound.iter().for_each(|port| inbound_lines(text, port));
    let InboundDefault { mtls, mtls_source, access } = undeclared;
    let line = format!("*{}", mode(*mtls, mtls_source.as_ref()));
    access::lines(text, &line, access);
}

fn inbound_lines(text: &mut Text, port: &InboundPort) {
    let InboundPort { port, app_port, protocol, mtls, mtls_source, access, rate_limit } = port;
    let app = field("app-port", (app_port != port).then_some(app_port));
    let limit = rate_limit.as_deref().map(access::limit).unwrap_or_default();
    let line = format!("{port} {protocol:?}{app}{}{limit}", mode(*mtls, mtls_source.as_ref()));
    access::lines(text, &line, access);
}

fn mode(mtls: Mtls, source: Option<&SourceRef>) -> String {
    match (mtls, source) {
        (Mtls::Permissive, None) => String::new(),
        (mtls, None) => format!(" {mtls:?}"),
        (mtls, Some(source)) => format!(" {mtls:?} by {source}"),
    }
}

fn service_lines(text: &mut Text, snapshot: &Snapshot, service: &Service) {
    let Service { key, form, families, ports, locality, accrual, defaults } = service;
    let form = match form {
        ServiceForm::Virtual(addresses) => format!("at {}", list(addresses)),
        ServiceForm::Headless => match families {
            Families::Unstated => "headless".into(),
            Families::Single(_) | Families::Dual(_) => format!("headless {families:?}"),
        },
        ServiceForm::External(name) => format!("is {name}"),
    };
    let locality = (*locality != Locality::Any).then(|| format!("{locality:?}"));
    text.line(0, format_args!("service {key} {}{}", form.trim_end(), field("locality", locality)));
    if let Some(accrual) = accrual {
        text.line(1, format_args!("accrual {accrual:?}"));
    }
    if *defaults != RouteDefaults::default() {
        text.line(1, format_args!("defaults {defaults:?}"));
    }
    for ServicePort { name, number, protocol } in ports {
        let name = field("name", (!name.is_empty()).then_some(name));
        text.line(1, format_args!("{number} {protocol:?}{name}"));
        let port = ServicePortKey { service: key.clone(), port: *number };
        let endpoints = snapshot.endpoints.get(&port);
        endpoints.iter().flat_map(|all| &all.items).for_each(|endpoint| endpoint_line(text, endpoint));
        if let Some(absent) = endpoints.and_then(|all| all.absent.as_ref()) {
            text.line(2, format_args!("no endpoint: {absent}"));
        }
        let tables = snapshot.routes.iter().filter(|(route, _)| route.port == port);
        tables.for_each(|(route, table)| http::table_lines(text, route.consumer.as_ref(), table));
    }
}

fn endpoint_line(text: &mut Text, endpoint: &Endpoint) {
    let Endpoint { address, port, workload, transport, health, node, region, zone, server } = endpoint;
    let at = std::net::SocketAddr::new(*address, *port);
    let workload = workload.as_ref().map_or_else(|| "nobody known".into(), ToString::to_string);
    let transport = match transport {
        Transport::Plain => "plain".into(),
        Transport::Mesh(identity) => format!("mesh {identity}"),
        Transport::Refused => "refused".into(),
    };
    let health = match health {
        Health::Ready => "",
        Health::Draining => " draining",
    };
    let place =
        field("node", node.as_ref()) + &field("region", region.as_ref()) + &field("zone", zone.as_ref());
    let server = server.filter(|server| server.plane != DataPlane::Envoy);
    let server = field("server", server.map(|server| format!("{:?}:{:?}", server.plane, server.protocol)));
    text.line(2, format_args!("{at} {workload}, {transport}{health}{place}{server}"));
}

fn diagnostic_line(text: &mut Text, source: &SourceRef, diagnostic: &Diagnostic) {
    let Diagnostic { object, field, reason, message } = diagnostic;
    let about = if object == source { String::new() } else { format!(" (about {object})") };
    text.line(0, format_args!("diagnostic {source} {field}{about} {reason}: {message}"));
}

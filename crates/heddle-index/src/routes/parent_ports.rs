//! The ports of a Service that one parent reference of a route leads to.

use crate::services::service_port::{OpaquePorts, Origin, Stated, is_bytes, stated};
use crate::tables::Tables;
use heddle_model::fact::{Mesh, Protocol, ServiceForm, ServicePort};
use heddle_model::report::ParentRef;
use heddle_model::{ServiceKey, ServicePortKey, SourceRef};
use std::collections::BTreeSet;

/// The ports that take a route from one of its parent references.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ParentPorts {
    pub(crate) ports: BTreeSet<ServicePortKey>,
    /// Those of them that the route makes HTTP, since it names them.
    pub(crate) made_http: BTreeSet<ServicePortKey>,
    /// Sentences for the author about ports that say something else.
    pub(crate) notes: Vec<String>,
}

/// Finds the ports that `parent` means: all, or those of its `port` and `sectionName`.
///
/// A port that says that it carries bytes is passed over, unless the route names it, is of the Service's own namespace,
/// and nothing but the port's name contradicts it: then the port is HTTP.
///
/// # Errors
/// Why no port takes the route, in words for its status.
pub(crate) fn find(
    tables: &Tables,
    mesh: &Mesh,
    route: &SourceRef,
    key: &ServiceKey,
    parent: &ParentRef,
) -> Result<ParentPorts, String> {
    let service = tables.service(key).ok_or_else(|| format!("there is no Service {key}"))?;
    match &service.form {
        ServiceForm::Virtual(_) => {}
        ServiceForm::Headless => {
            return Err(format!("Service {key} is headless: it has no virtual IP to route"));
        }
        ServiceForm::External(_) => {
            return Err(format!("Service {key} is an ExternalName: nothing dials it"));
        }
    }
    let ParentRef { group: _, kind: _, namespace: _, name: _, section_name, port: number } = parent;
    let wanted = |port: &&ServicePort| {
        number.is_none_or(|number| port.number == number)
            && section_name.as_deref().is_none_or(|name| &*port.name == name)
    };
    let wanted: Vec<_> = service.ports.iter().filter(wanted).collect();
    if wanted.is_empty() {
        let name = section_name.as_ref().map(|name| format!(" named {name:?}")).unwrap_or_default();
        let number = number.map(|number| format!(" {number}")).unwrap_or_default();
        return Err(format!("Service {key} has no port{number}{name}"));
    }
    let naming = match (number.is_some() || section_name.is_some(), route.namespace == key.namespace) {
        (true, true) => Naming::Decides,
        (true, false) => Naming::OfConsumer,
        (false, _) => Naming::No,
    };
    let opaque = OpaquePorts::of(tables, mesh, key, service);
    let mut found = ParentPorts::default();
    for port in wanted {
        found.add(key, port, stated(&opaque, port), naming);
    }
    if found.ports.is_empty() { Err(found.notes.join("; ")) } else { Ok(found) }
}

/// The form of a parent reference: one that names a port may decide what it speaks.
#[derive(Clone, Copy)]
enum Naming {
    /// It names none.
    No,
    /// It names one, in a route of the Service's own namespace.
    Decides,
    /// It names one of another namespace's Service: nothing may change for that one's other clients.
    OfConsumer,
}

impl ParentPorts {
    fn add(&mut self, service: &ServiceKey, port: &ServicePort, stated: Option<Stated>, naming: Naming) {
        let key = ServicePortKey { service: service.clone(), port: port.number };
        let bytes = stated.filter(|stated| is_bytes(stated.protocol));
        if let Some(stated) = bytes {
            let says = statement(port, stated);
            match naming {
                Naming::Decides if stated.origin.yields_to_routes() => {
                    self.notes.push(format!("{says}; this route names the port and makes it HTTP"));
                }
                Naming::Decides => {
                    self.notes.push(format!("{says}, which a route does not change"));
                    return;
                }
                Naming::OfConsumer => {
                    self.notes.push(format!(
                        "{says}, which only a route of namespace {} that names the port may change",
                        service.namespace
                    ));
                    return;
                }
                Naming::No => {
                    self.notes.push(format!("{says}: a route that does not name the port passes it over"));
                    return;
                }
            }
        }
        if matches!(naming, Naming::Decides) {
            self.made_http.insert(key.clone());
        }
        self.ports.insert(key);
    }
}

fn statement(port: &ServicePort, stated: Stated) -> String {
    let protocol = match stated.protocol {
        Protocol::Tcp => "TCP",
        Protocol::Opaque => "opaque bytes",
        Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Detect => "HTTP",
    };
    let by = match stated.origin {
        Origin::AppProtocol => "its appProtocol".into(),
        Origin::Annotation => "annotation config.linkerd.io/opaque-ports".into(),
        Origin::Name => format!("its name {:?}", port.name),
        Origin::Number => "its number (one of Linkerd's default opaque ports)".into(),
    };
    format!("port {} speaks {protocol} by {by}", port.number)
}

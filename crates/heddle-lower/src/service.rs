//! Services.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::linkerd::annotation;
use crate::meta;
use crate::pod::is_tcp;
use crate::protocol;
use crate::workload;
use heddle_model::fact::{Locality, Service, ServiceForm, ServicePort, TargetPort};
use heddle_model::{Families, Family};
use std::collections::BTreeMap;

pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<Service, FieldError> {
    let spec = root.need("spec")?;
    spec.object()?;
    let selector = spec.get("selector").map(|selector| selector.labels());
    note_unhonoured(root, &spec, notes);
    let form = form(&spec, notes);
    let ports = ports(&spec, notes);
    Ok(Service {
        families: families(&spec, &form, notes),
        form,
        opaque_ports: annotation::opaque_ports(root, &ports, notes),
        ports,
        selector: selector.and_then(|labels| notes.take(labels, "it selects nothing")).unwrap_or_default(),
        publish_not_ready: spec.value()["publishNotReadyAddresses"].as_bool().unwrap_or_default(),
        locality: locality(&spec, notes),
        accrual: annotation::accrual(root, notes),
        defaults: annotation::route_defaults(root, notes),
        created: meta::created(root),
    })
}

/// Notes what kube-proxy does for a Service and no proxy of the mesh.
fn note_unhonoured(root: &Field<'_>, spec: &Field<'_>, notes: &mut Diagnostics) {
    let affinity = spec.get("sessionAffinity").filter(|affinity| affinity.value() == "ClientIP");
    if let Some(affinity) = affinity {
        let wrong = affinity.unhonoured("proxies choose an endpoint for each request or connection anew");
        notes.wrong(wrong, "a client's next request may go to another endpoint");
    }
    let annotations = root.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let mode = annotations.and_then(|all| all.get_quoted("service.kubernetes.io/topology-mode"));
    if let Some(mode) = mode.filter(|mode| mode.value() == "Auto") {
        let wrong = mode.unhonoured("hints of EndpointSlices are not read");
        notes.wrong(wrong, "all endpoints are alike; spec.trafficDistribution prefers near ones");
    }
}

fn form(spec: &Field<'_>, notes: &mut Diagnostics) -> ServiceForm {
    if spec.value()["type"] == "ExternalName" {
        let name = workload::optional_name(spec, "externalName", notes);
        return ServiceForm::External(name.unwrap_or_else(|| "".into()));
    }
    let list = spec.get("clusterIPs").map(|list| list.list());
    let mut items = list.and_then(|list| notes.take(list, "clusterIP is used")).unwrap_or_default();
    if items.is_empty() {
        items.extend(spec.get("clusterIP"));
    }
    items.retain(|item| item.value() != "");
    if items.iter().any(|item| item.value() == "None") {
        return ServiceForm::Headless;
    }
    ServiceForm::Virtual(workload::addresses(items, notes))
}

/// Returns the families of the virtual IPs, or `ipFamilies` where there is none.
fn families(spec: &Field<'_>, form: &ServiceForm, notes: &mut Diagnostics) -> Families {
    let stated = match form {
        ServiceForm::Virtual(addresses) if !addresses.is_empty() => {
            return Families::from_list(addresses.iter().map(|address| Family::of(*address)));
        }
        ServiceForm::Virtual(_) | ServiceForm::Headless => spec.get("ipFamilies"),
        ServiceForm::External(_) => None,
    };
    let list = stated.and_then(|list| notes.take(list.list(), "it is not read")).unwrap_or_default();
    let words = [("IPv4", Family::V4), ("IPv6", Family::V6)];
    Families::from_list(notes.take_all(list.iter().map(|item| item.one_of(&words)), "it is not read"))
}

/// The TCP ports, by number. Of two with one number the first counts.
fn ports(spec: &Field<'_>, notes: &mut Diagnostics) -> Vec<ServicePort> {
    let list = spec.get("ports").map(|list| list.list());
    let list = list.and_then(|list| notes.take(list, "it has no ports")).unwrap_or_default();
    let mut ports = BTreeMap::new();
    for place in list.iter().filter(|port| is_tcp(port)) {
        let read = port(place, notes);
        if let Some(port) = notes.take(read, "the port does not exist") {
            ports.entry(port.number).or_insert(port);
        }
    }
    ports.into_values().collect()
}

fn port(place: &Field<'_>, notes: &mut Diagnostics) -> Result<ServicePort, FieldError> {
    let number = place.need("port")?.port()?;
    let name = place.get("name").map_or(Ok(""), |name| name.text())?;
    let target = place
        .get("targetPort")
        .map_or(Ok(TargetPort::Number(number)), |target| target_port(&target, number))?;
    Ok(ServicePort { name: name.into(), number, target, protocol: protocol::of_port(place, name, notes) })
}

/// 0 and the empty text mean that nothing was said, as for the API server.
fn target_port(place: &Field<'_>, number: u16) -> Result<TargetPort, FieldError> {
    match place.value().as_str() {
        Some("") => Ok(TargetPort::Number(number)),
        Some(name) => Ok(TargetPort::Name(name.into())),
        None if place.value() == 0 => Ok(TargetPort::Number(number)),
        None => Ok(TargetPort::Number(place.port()?)),
    }
}

/// `internalTrafficPolicy: Local` is a promise and wins over `trafficDistribution`, a wish.
fn locality(spec: &Field<'_>, notes: &mut Diagnostics) -> Locality {
    if spec.value()["internalTrafficPolicy"] == "Local" {
        return Locality::OnlyNode;
    }
    let words = [
        ("PreferClose", Locality::PreferZone),
        ("PreferSameZone", Locality::PreferZone),
        ("PreferSameNode", Locality::PreferNode),
    ];
    let written = spec.get("trafficDistribution").map(|written| written.one_of(&words));
    written.and_then(|word| notes.take(word, "all endpoints are alike")).unwrap_or_default()
}

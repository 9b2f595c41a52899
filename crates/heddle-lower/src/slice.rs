//! EndpointSlices.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError, UNSUPPORTED};
use crate::meta;
use crate::pod::is_tcp;
use crate::unicast::{self, Loopback};
use heddle_model::fact::{Slice, SliceEndpoint};
use heddle_model::{Family, Name, ServiceKey};
use serde_json::Value;

pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<Slice, FieldError> {
    let family = root.need("addressType")?;
    let service = meta::label(root, "kubernetes.io/service-name").filter(|name| !name.is_empty());
    let mut slice = Slice {
        service: service.map(|name| ServiceKey::new(notes.namespace(), name)),
        ports: Vec::new(),
        endpoints: Vec::new(),
        created: meta::created(root),
    };
    let only = match family.text()? {
        "IPv4" => Family::V4,
        "IPv6" => Family::V6,
        _ => {
            let message = format!("address type {} is not supported", family.shown());
            let wrong = FieldError { field: family.path().into(), reason: UNSUPPORTED, message };
            notes.wrong(wrong, "the slice has no endpoints");
            return Ok(slice);
        }
    };
    let items = |field: &str, notes: &mut Diagnostics| {
        let list = root.get(field).map(|list| list.list());
        list.and_then(|list| notes.take(list, "there are none")).unwrap_or_default()
    };
    let ports = items("ports", notes);
    let ports = ports.iter().filter(|port| is_tcp(port) && port.get("port").is_some()).map(port);
    slice.ports = notes.take_all(ports, "the port has no endpoints");
    let endpoints = items("endpoints", notes);
    let (loopback, namespace) = (notes.loopback(), notes.namespace());
    let endpoints = endpoints.iter().map(|item| endpoint(item, only, loopback, &namespace));
    slice.endpoints = notes.take_all(endpoints, "the endpoint is not used");
    Ok(slice)
}

fn port(place: &Field<'_>) -> Result<(Name, u16), FieldError> {
    let name = place.get("name").map_or(Ok(""), |name| name.text())?;
    Ok((name.into(), place.need("port")?.port()?))
}

fn endpoint(
    place: &Field<'_>,
    only: Family,
    loopback: Loopback,
    namespace: &Name,
) -> Result<SliceEndpoint, FieldError> {
    let addresses = place.need("addresses")?;
    let first = addresses.list()?.into_iter().next();
    let first = first.ok_or_else(|| addresses.wrong("must not be empty"))?;
    let address = unicast::address(&first, loopback)?;
    if Family::of(address) != only {
        return Err(first.wrong(format!("{address} is not an {only} address, as addressType says")));
    }
    let value = place.value();
    let name = |field: &str| value[field].as_str().filter(|text| !text.is_empty()).map(Name::from);
    let target = &value["targetRef"];
    let pod = target["name"].as_str().filter(|_| target["kind"] == "Pod");
    let pod_namespace = target["namespace"].as_str().filter(|named| pod.is_some() && **named != **namespace);
    let condition = |field: &str| value["conditions"].get(field).and_then(Value::as_bool);
    let ready = condition("ready").unwrap_or(true);
    Ok(SliceEndpoint {
        address,
        pod: pod.map(Name::from),
        pod_namespace: pod_namespace.filter(|named| !named.is_empty()).map(Name::from),
        node: name("nodeName"),
        zone: name("zone"),
        ready,
        serving: condition("serving").unwrap_or(ready),
        terminating: condition("terminating").unwrap_or_default(),
    })
}

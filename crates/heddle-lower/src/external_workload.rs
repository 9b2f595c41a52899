//! ExternalWorkloads.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::linkerd::annotation;
use crate::meta;
use crate::protocol;
use crate::workload;
use heddle_model::fact::{Workload, WorkloadPort};
use std::collections::BTreeSet;

pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<Workload, FieldError> {
    let spec = root.need("spec")?;
    let account = spec.need("serviceAccount").and_then(|account| Ok((account.name()?, account)));
    let account = notes.take(account, "the workload has no identity");
    let addresses = notes.take(spec.need("addresses").and_then(|list| list.list()), "it has no address");
    let labels = workload::labels(root, notes);
    let addresses = workload::addresses(addresses.unwrap_or_default(), notes);
    let identity = account.and_then(|(account, place)| workload::identity(&place, account, notes));
    let plane = workload::plane(root, notes);
    let mut workload = Workload {
        labels,
        addresses,
        identity,
        plane,
        node: None,
        zone: workload::optional_name(&spec, "zone", notes),
        host_network: false,
        ended: false,
        deleting: false,
        created: meta::created(root),
        ports: ports(&spec, notes),
        skip_inbound_ports: workload::skip_inbound_ports(root, plane, notes),
        uses: workload::uses(root, notes),
        config: None,
    };
    workload.config = annotation::of_workload(root, &workload, notes);
    Ok(workload)
}

fn ports(spec: &Field<'_>, notes: &mut Diagnostics) -> Vec<WorkloadPort> {
    let list = spec.get("ports").map(|list| list.list());
    let list = list.and_then(|list| notes.take(list, "it declares no port")).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let read = list.iter().map(|place| {
        let port = port(place)?;
        if seen.insert(port.port) {
            return Ok(port);
        }
        Err(place.wrong(format!("port {} is there twice", port.port)))
    });
    notes.take_all(read, "the port is not used")
}

fn port(place: &Field<'_>) -> Result<WorkloadPort, FieldError> {
    let port = place.need("port")?.port()?;
    let name = place.get("name").map(|name| name.name()).transpose()?;
    let app_port = place.get("targetPort").map_or(Ok(port), |target| target.port())?;
    let protocol = place.get("protocol").map(|word| word.one_of(&protocol::WORDS)).transpose()?;
    let named = name.and_then(protocol::by_prefix);
    Ok(WorkloadPort { name: name.map(Into::into), port, app_port, protocol, named })
}

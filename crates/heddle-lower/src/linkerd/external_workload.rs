//! ExternalWorkloads of Linkerd's group: processes outside the cluster with Linkerd's proxy beside them.

use super::annotation;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError, UNSUPPORTED};
use crate::meta;
use crate::pod::is_tcp;
use crate::protocol;
use crate::workload;
use heddle_model::Identity;
use heddle_model::fact::{DataPlane, Workload, WorkloadPort};
use std::collections::BTreeSet;

/// The name of the proxy's own port.
const PROXY: &str = "linkerd-proxy";

pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<Workload, FieldError> {
    let spec = root.need("spec")?;
    spec.object()?;
    notes.take(spec.only(&["meshTLS", "meshTls", "workloadIPs", "ports"]), "it is ignored");
    let tls = spec.get("meshTLS").or_else(|| spec.get("meshTls"));
    let identity = tls.map_or_else(|| spec.need("meshTLS"), Ok).and_then(|tls| identity(&tls, notes));
    let identity = notes.take(identity, "the workload has no identity");
    let list = spec.get("workloadIPs").map(|list| list.list());
    let list = list.and_then(|list| notes.take(list, "it has no address")).unwrap_or_default();
    let addresses = list.iter().map(|item| item.only(&["ip"]).and_then(|()| item.need("ip")));
    let addresses = notes.take_all(addresses, "the address is not used");
    let mut workload = Workload {
        labels: workload::labels(root, notes),
        addresses: workload::addresses(addresses, notes),
        identity,
        plane: Some(DataPlane::Linkerd),
        node: None,
        zone: None,
        host_network: false,
        ended: false,
        deleting: false,
        created: meta::created(root),
        ports: ports(&spec, notes),
        skip_inbound_ports: workload::skip_inbound_ports(root, Some(DataPlane::Linkerd), notes),
        uses: None,
        config: None,
    };
    workload.config = annotation::of_workload(root, &workload, notes);
    Ok(workload)
}

/// A SPIFFE ID, or the DNS name of an identity. It must lie in the workload's own namespace: who may write an
/// object there must not make himself somebody of another.
fn identity(tls: &Field<'_>, notes: &mut Diagnostics) -> Result<Identity, FieldError> {
    tls.only(&["identity", "serverName"])?;
    let place = tls.need("identity")?;
    let identity = match place.text()? {
        id if id.starts_with("spiffe://") => {
            Identity::parse_spiffe(id).map(|(_, identity)| identity).map_err(|bad| bad.to_string())
        }
        name => by_dns(name).ok_or_else(|| format!("{} is not the name of an identity", place.shown())),
    };
    let identity = identity.map_err(|bad| place.wrong(bad))?;
    if identity.namespace != notes.namespace() {
        let message = format!("{} is of another namespace than the workload", place.shown());
        return Err(FieldError { field: place.path().into(), reason: "ForeignIdentity", message });
    }
    if let Some(name) = tls.get("serverName").filter(|name| {
        let named = name.value().as_str().and_then(by_dns);
        named.as_ref() != Some(&identity)
    }) {
        let message = format!("{} is not the name of the same identity", name.shown());
        let wrong = FieldError { field: name.path().into(), reason: UNSUPPORTED, message };
        notes.wrong(wrong, "clients ask for the name of its identity");
    }
    Ok(identity)
}

/// `<service account>.<namespace>.serviceaccount.identity.<suffix>`
fn by_dns(name: &str) -> Option<Identity> {
    let (account, rest) = name.split_once('.')?;
    let (namespace, rest) = rest.split_once('.')?;
    rest.strip_prefix("serviceaccount.identity.").filter(|suffix| !suffix.is_empty())?;
    Identity::new(namespace, account).ok()
}

/// Its TCP ports without the proxy's own; of two with one number the first counts.
fn ports(spec: &Field<'_>, notes: &mut Diagnostics) -> Vec<WorkloadPort> {
    let list = spec.get("ports").map(|list| list.list());
    let list = list.and_then(|list| notes.take(list, "it declares no port")).unwrap_or_default();
    let own = |place: &&Field<'_>| is_tcp(place) && place.value()["name"] != PROXY;
    let mut seen = BTreeSet::new();
    let read = notes.take_all(list.iter().filter(own).map(port), "the port is not used");
    read.into_iter().filter(|port| seen.insert(port.port)).collect()
}

fn port(place: &Field<'_>) -> Result<WorkloadPort, FieldError> {
    place.only(&["name", "port", "protocol"])?;
    let port = place.need("port")?.port()?;
    let name = place.get("name").map(|name| name.name()).transpose()?;
    let named = name.and_then(protocol::by_prefix);
    Ok(WorkloadPort { name: name.map(Into::into), port, app_port: port, protocol: None, named })
}

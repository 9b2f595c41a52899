//! The Servers at the ports of one workload, and what annotations say of its proxy.

use crate::access::mtls::PortRef;
use crate::access::server::Resolved;
use crate::status::findings::Finding;
use crate::tables::Tables;
use crate::workloads::view::View;
use heddle_model::fact::{DataPlane, Mesh, TargetPort, Workload};
use heddle_model::server::{DEFAULT_OPAQUE_PORTS, DefaultPolicy, ProxyConfig, Server, WorkloadClass};
use heddle_model::{Diagnostic, Kind, SourceRef, WorkloadKey, WorkloadKind};
use std::collections::{BTreeMap, BTreeSet};

/// The most ports that an annotation declares, each with rules of its own.
const MOST_DECLARED: usize = 64;

/// The Servers at the ports of one workload.
#[derive(Default)]
pub(crate) struct Selected<'a> {
    pub(crate) ports: BTreeMap<u16, ServerAtPort<'a>>,
    /// Servers of the namespace that cannot be read: they close every port.
    pub(crate) closing: Vec<&'a SourceRef>,
}

/// The Server at a port.
pub(crate) struct ServerAtPort<'a> {
    pub(crate) source: &'a SourceRef,
    pub(crate) server: &'a Server,
    pub(crate) resolved: &'a Resolved,
}

/// Returns whether a Server selects a workload, at whatever port.
pub(crate) fn by(server: &Server, key: &WorkloadKey, workload: &Workload) -> bool {
    let among = match key.kind {
        WorkloadKind::Pod => WorkloadClass::Pods,
        WorkloadKind::External | WorkloadKind::LinkerdExternal => WorkloadClass::Externals,
    };
    server.among == among && server.selector.selects(&workload.labels)
}

impl<'a> Selected<'a> {
    /// Finds them. Of two at one port the oldest holds, then the first by name; the other is told.
    pub(crate) fn of(view: &View<'a>, key: &WorkloadKey, workload: &Workload, finding: &mut Finding) -> Self {
        let mut found = Self::default();
        let mut selecting = Vec::new();
        for (source, server) in view.tables.servers(&key.namespace) {
            match server.zip(view.servers.get(source)) {
                None => found.closing.push(source),
                Some((server, resolved)) if by(server, key, workload) => {
                    selecting.push(ServerAtPort { source, server, resolved });
                }
                Some(_) => {}
            }
        }
        selecting.sort_by_key(|at| (at.server.created, at.source));
        for at in selecting {
            let Some(port) = port(at.server, workload) else { continue };
            if let Some(first) = found.ports.get(&port) {
                finding.diagnostics.insert(conflict(at.source, port, first.source));
                continue;
            }
            found.ports.insert(port, at);
        }
        found
    }

    pub(crate) fn at(&self, port: PortRef) -> Option<&ServerAtPort<'a>> {
        match port {
            PortRef::Number(number) => self.ports.get(&number),
            PortRef::Undeclared => None,
        }
    }
}

/// The port of a workload that a Server means; a name that the workload does not declare means none.
fn port(server: &Server, workload: &Workload) -> Option<u16> {
    match &server.port {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => {
            workload.ports.iter().find(|port| port.name.as_ref() == Some(name)).map(|port| port.port)
        }
    }
}

fn conflict(object: &SourceRef, port: u16, winner: &SourceRef) -> Diagnostic {
    Diagnostic {
        object: object.clone(),
        field: "spec.port".into(),
        reason: "Conflicted",
        message: format!(
            "{winner} selects port {port} of a workload that this one selects too: the oldest holds, then the first by name"
        ),
    }
}

/// The annotations about one workload's proxy, or about those of its namespace: of an Envoy nothing but that Linkerd's
/// default opaque ports do not hold.
#[derive(Default)]
pub(crate) struct Settings<'a> {
    /// The default policy of ports without a Server, and the object that says it.
    pub(crate) default_policy: Option<(DefaultPolicy, SourceRef)>,
    opaque: Option<&'a BTreeSet<u16>>,
    /// Linkerd's default opaque ports hold where nobody says what they speak.
    opaque_by_default: bool,
    skipped: Option<&'a BTreeSet<u16>>,
}

impl<'a> Settings<'a> {
    /// The workload's own annotations stand before its namespace's; Heddle's posture of the namespace stands
    /// between them.
    pub(crate) fn of(tables: &'a Tables, mesh: &Mesh, key: &WorkloadKey, workload: &'a Workload) -> Self {
        let around = tables.namespace(&key.namespace).map(|(_, namespace)| namespace);
        let (own, all) = (workload.config.as_deref(), around.and_then(|around| around.config.as_deref()));
        let unsaid = all.is_none_or(|all| all.opaque_ports.is_none());
        match workload.plane {
            Some(DataPlane::Linkerd) => {}
            Some(DataPlane::Envoy) => {
                let opaque_by_default = unsaid && mesh.moves_from_linkerd();
                return Self { opaque_by_default, ..Self::default() };
            }
            None => return Self::default(),
        }
        let posture = around.is_some_and(|around| around.posture.is_some());
        let of_namespace =
            || Some((all?.default_policy?, SourceRef::new(Kind::Namespace, "", key.namespace.clone())));
        let default_policy = own.and_then(|own| Some((own.default_policy?, key.source())));
        let first =
            |of: fn(&ProxyConfig) -> Option<&BTreeSet<u16>>| own.and_then(of).or_else(|| all.and_then(of));
        let opaque = first(|config| config.opaque_ports.as_ref());
        Self {
            default_policy: default_policy.or_else(|| of_namespace().filter(|_| !posture)),
            opaque,
            opaque_by_default: opaque.is_none(),
            skipped: first(|config| config.skip_inbound_ports.as_ref()),
        }
    }

    pub(crate) fn is_opaque(&self, number: u16) -> bool {
        self.opaque.is_some_and(|ports| ports.contains(&number))
    }

    /// Returns whether a port of which nobody says what it speaks is opaque.
    pub(crate) fn is_opaque_by_default(&self, number: u16) -> bool {
        self.opaque_by_default && DEFAULT_OPAQUE_PORTS.contains(&number)
    }

    /// Ports that are known by being named, where few are.
    pub(crate) fn declared(&self) -> impl Iterator<Item = u16> {
        self.opaque.filter(|ports| ports.len() <= MOST_DECLARED).into_iter().flatten().copied()
    }

    /// All ports that the workload's proxy never sees.
    pub(crate) fn skipped(&self, workload: &Workload) -> BTreeSet<u16> {
        let mut ports = workload.skip_inbound_ports.clone();
        ports.extend(self.skipped.into_iter().flatten());
        ports
    }
}

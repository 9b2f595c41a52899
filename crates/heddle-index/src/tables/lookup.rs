//! One object, by its key and in its type. An object that cannot be read is absent, or what its kind means then.

use super::{Row, Tables, mesh_source, selects};
use heddle_model::access::{Posture, Principal};
use heddle_model::fact::{
    AccessPolicy, Egress, EgressNetwork, InboundPolicy, Labels, Mesh, Namespace, Node, Route, Service, Slice,
    Workload,
};
use heddle_model::http::HttpMatch;
use heddle_model::server::{Authentication, Authorization, RateLimitPolicy, Server};
use heddle_model::{Fact, Identity, Kind, Name, ServiceKey, SourceRef, WorkloadKey};

impl Tables {
    pub(crate) fn workload(&self, key: &WorkloadKey) -> Option<&Workload> {
        self.rows.get(&key.source())?.fact.as_workload()
    }

    pub(crate) fn service(&self, key: &ServiceKey) -> Option<&Service> {
        self.rows.get(&key.source())?.fact.as_service()
    }

    pub(crate) fn slice(&self, source: &SourceRef) -> Option<&Slice> {
        self.rows.get(source)?.fact.as_slice()
    }

    pub(crate) fn route(&self, source: &SourceRef) -> Option<&Route<HttpMatch>> {
        self.rows.get(source)?.fact.as_http_route()
    }

    pub(crate) fn node(&self, name: &Name) -> Option<&Node> {
        self.rows.get(&SourceRef::new(Kind::Node, "", name.clone()))?.fact.as_node()
    }

    pub(crate) fn namespace(&self, name: &Name) -> Option<(&SourceRef, &Namespace)> {
        let (source, row) = self.rows.get_key_value(&SourceRef::new(Kind::Namespace, "", name.clone()))?;
        Some((source, row.fact.as_namespace()?))
    }

    /// Returns whether a namespace grants the Services of another a Pod of its own as an endpoint.
    pub(crate) fn is_granted(&self, pod: &WorkloadKey, from: &Name) -> bool {
        let grants = self.of_namespace(Kind::ReferenceGrant, &pod.namespace);
        grants
            .into_iter()
            .any(|(_, row)| matches!(&row.fact, Fact::Grant(grant) if grant.allows(from, &pod.name)))
    }

    /// Returns whether there are callers of a namespace or a ServiceAccount: it is there, or workloads run in it.
    pub(crate) fn is_known(&self, caller: &Principal) -> bool {
        match caller {
            Principal::Any | Principal::Spiffe(_) => true,
            Principal::Account(identity) => self.accounts.contains_key(identity),
            Principal::Namespace(name) => {
                let first = Identity { namespace: name.clone(), service_account: "".into() };
                let mut accounts = self.accounts.range(first..);
                self.namespace(name).is_some()
                    || accounts.next().is_some_and(|(next, _)| next.namespace == *name)
            }
        }
    }

    /// The settings in force.
    ///
    /// Of an unreadable Mesh only the narrowest is known: its ports admit nobody, nothing leaves the mesh.
    pub(crate) fn mesh(&self) -> Mesh {
        match self.rows.get(&mesh_source()).map(|row| &row.fact) {
            Some(Fact::Mesh(mesh)) => mesh.clone(),
            Some(Fact::Invalid(_)) => {
                Mesh { posture: Posture::Deny, egress: Egress::Deny, ..Mesh::default() }
            }
            _ => Mesh::default(),
        }
    }

    /// The Mesh's posture, and the Mesh if there is one.
    pub(crate) fn mesh_posture(&self) -> (Posture, Option<SourceRef>) {
        let source = mesh_source();
        match self.rows.get(&source).map(|row| &row.fact) {
            Some(Fact::Mesh(mesh)) => (mesh.posture, Some(source)),
            Some(_) => (Posture::Deny, Some(source)),
            None => (Posture::Allow, None),
        }
    }

    /// Returns what an InboundPolicy says; an unreadable one makes its whole namespace Strict.
    pub(crate) fn inbound_policy<'a>(&'a self, row: &'a Row) -> Option<&'a InboundPolicy> {
        row.fact.as_inbound_policy().or_else(|| row.is_invalid().then_some(&self.unreadable_inbound))
    }

    /// Returns what an AccessPolicy says; an unreadable one is an Allow without rules over its whole namespace.
    pub(crate) fn access_policy<'a>(&'a self, row: &'a Row) -> Option<&'a AccessPolicy> {
        row.fact.as_access_policy().or_else(|| row.is_invalid().then_some(&self.unreadable_access))
    }

    pub(crate) fn server(&self, source: &SourceRef) -> Option<&Server> {
        self.rows.get(source)?.fact.as_server()
    }

    /// The Servers of a namespace; `None` for one that cannot be read.
    pub(crate) fn servers(&self, namespace: &Name) -> impl Iterator<Item = (&SourceRef, Option<&Server>)> {
        self.of_namespace(Kind::Server, namespace).map(|(source, row)| (source, row.fact.as_server()))
    }

    pub(crate) fn authorization(&self, source: &SourceRef) -> Option<&Authorization> {
        self.rows.get(source)?.fact.as_authorization()
    }

    pub(crate) fn authentication(&self, source: &SourceRef) -> Option<&Authentication> {
        self.rows.get(source)?.fact.as_authentication()
    }

    /// The rate limits that name a Server, the one that holds first: the oldest, then by name.
    pub(crate) fn rate_limits(&self, server: &SourceRef) -> Vec<(&SourceRef, &RateLimitPolicy)> {
        let named = self
            .at_server
            .of(server)
            .iter()
            .filter_map(|source| Some((source, self.rows.get(source)?.fact.as_rate_limit()?)));
        let mut limits: Vec<_> = named.collect();
        limits.sort_by_key(|(source, limit)| (limit.created, *source));
        limits
    }

    /// Returns what an EgressNetwork says; an unreadable one denies all that is outside.
    pub(crate) fn egress(&self, source: &SourceRef) -> Option<EgressNetwork> {
        let row = self.rows.get(source)?;
        let unreadable = || EgressNetwork { networks: Vec::new(), policy: Egress::Deny, created: None };
        row.fact.as_egress().cloned().or_else(|| row.is_invalid().then(unreadable))
    }

    /// The Services of the workload's namespace whose selector selects these labels.
    pub(crate) fn services_selecting(&self, namespace: &Name, labels: &Labels) -> Vec<ServiceKey> {
        let mut found = Vec::new();
        for (key, value) in labels.iter() {
            for service in self.selecting.of(&(namespace.clone(), key.clone(), value.clone())) {
                if self.service(service).is_some_and(|service| selects(&service.selector, labels)) {
                    found.push(service.clone());
                }
            }
        }
        found
    }
}

//! The inverse indices: each fact puts itself into them, and takes itself out.

use super::claim::{self, Claim};
use super::{Tables, api_server_addresses, host_addresses, owned, service_key, virtual_ips};
use crate::access::absent;
use crate::multimap::Side;
use crate::routes::parent;
use heddle_model::fact::{AccessPolicy, Covers, Node, Service, ServiceCidr, Target, Workload};
use heddle_model::server::{Authorization, Opens, Requirement};
use heddle_model::{Fact, Identity, Kind, Name, SourceRef, WorkloadKey};

impl Tables {
    /// Puts what one fact says into the inverse indices, or takes it out.
    pub(super) fn link(&mut self, side: Side, source: &SourceRef, fact: &Fact) {
        match fact {
            Fact::Workload(workload) => self.link_workload(side, source, workload),
            Fact::Service(service) => self.link_service(side, source, service),
            Fact::Slice(slice) => {
                if let Some(service) = &slice.service {
                    self.slices.put(side, service.clone(), source.clone());
                }
                for namespace in slice.endpoints.iter().filter_map(|endpoint| endpoint.pod_namespace.as_ref())
                {
                    self.foreign_slices.put(side, namespace.clone(), source.clone());
                }
                for address in api_server_addresses(source, slice) {
                    self.node_addresses.put(side, address, source.clone());
                }
                for (address, claim) in claim::of_slice(source, slice) {
                    self.claims.put(side, address, claim);
                }
            }
            Fact::HttpRoute(route) => {
                for service in parent::services(source, route) {
                    self.routes.put(side, service, source.clone());
                }
                for server in route.parents.iter().filter_map(|parent| parent::server(source, parent)) {
                    self.at_server.put(side, server, source.clone());
                }
            }
            Fact::AccessPolicy(policy) => {
                for target in policy_targets(source, policy) {
                    self.policies.put(side, target, source.clone());
                }
                for caller in absent::named(fact) {
                    self.callers.put(side, caller.clone(), source.clone());
                }
            }
            Fact::Authorization(authorization) => self.link_authorization(side, source, authorization),
            Fact::RateLimit(limit) => {
                let server = SourceRef::new(Kind::Server, source.namespace.clone(), limit.server.clone());
                self.at_server.put(side, server, source.clone());
            }
            Fact::Node(node) => self.link_node(side, source, node),
            Fact::ServiceCidr(ServiceCidr { cidrs }) => {
                cidrs.iter().for_each(|cidr| self.cidrs.put(side, *cidr, source.clone()));
            }
            Fact::Server(_)
            | Fact::Grant(_)
            | Fact::Authentication(_)
            | Fact::Egress(_)
            | Fact::Namespace(_)
            | Fact::Mesh(_)
            | Fact::InboundPolicy(_)
            | Fact::Invalid(_) => {}
        }
    }

    fn link_node(&mut self, side: Side, source: &SourceRef, node: &Node) {
        let Node { addresses, region: _, zone: _, pod_cidrs } = node;
        for address in addresses {
            self.claims.put(side, *address, Claim::Node(source.name.clone()));
            self.node_addresses.put(side, *address, source.clone());
        }
        pod_cidrs.iter().for_each(|cidr| self.cidrs.put(side, *cidr, source.clone()));
    }

    fn link_workload(&mut self, side: Side, source: &SourceRef, workload: &Workload) {
        let Some(key) = WorkloadKey::from_source(source) else { return };
        if let Some(node) = &workload.node {
            self.on_node.put(side, node.clone(), key.clone());
        }
        if let Some(identity) = &workload.identity {
            self.count_account(side, identity);
        }
        for address in host_addresses(workload) {
            self.node_addresses.put(side, *address, source.clone());
        }
        for address in owned(workload) {
            self.claims.put(side, *address, Claim::workload(key.clone(), workload));
        }
    }

    fn count_account(&mut self, side: Side, identity: &Identity) {
        let count = self.accounts.entry(identity.clone()).or_default();
        match side {
            Side::Comes => *count += 1,
            Side::Goes => *count -= 1,
        }
        if *count == 0 {
            self.accounts.remove(identity);
        }
    }

    fn link_authorization(&mut self, side: Side, source: &SourceRef, authorization: &Authorization) {
        let Authorization { opens, requires } = authorization;
        self.authorizations.put(side, opened(source, opens), source.clone());
        for requirement in requires {
            if let Requirement::Object(object) = requirement {
                self.requiring.put(side, object.clone(), source.clone());
            }
        }
    }

    fn link_service(&mut self, side: Side, source: &SourceRef, service: &Service) {
        let key = service_key(source);
        for address in virtual_ips(service) {
            let claim = Claim::Service { created: service.created, key: key.clone() };
            self.claims.put(side, *address, claim);
        }
        if let Some((label, value)) = service.selector.iter().next() {
            let pair = (source.namespace.clone(), label.clone(), value.clone());
            self.selecting.put(side, pair, key);
        }
    }
}

/// The objects that a policy names as its targets.
fn policy_targets(source: &SourceRef, policy: &AccessPolicy) -> Vec<SourceRef> {
    let Covers::Targets(targets) = &policy.covers else { return Vec::new() };
    let object =
        |kind, name: &Name| SourceRef { kind, namespace: source.namespace.clone(), name: name.clone() };
    let target_object = |target: &Target| match target {
        Target::Service { name, port: _ } => object(Kind::Service, name),
        Target::HttpRoute { name } => object(Kind::HttpRoute, name),
    };
    targets.iter().map(target_object).collect()
}

/// Returns where an authorization is found: at the Server or the route that it opens, or at the Namespace.
fn opened(source: &SourceRef, opens: &Opens) -> SourceRef {
    match opens {
        Opens::Server(name) => SourceRef::new(Kind::Server, source.namespace.clone(), name.clone()),
        Opens::Servers(_) => SourceRef::new(Kind::Namespace, "", source.namespace.clone()),
        Opens::Route(route) => route.clone(),
    }
}

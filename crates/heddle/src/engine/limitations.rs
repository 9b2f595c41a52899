//! What linkerd2-proxies cannot do of what objects say, kept up with the mesh.

use heddle_linkerd::{client_limitations, server_limitations};
use heddle_model::fact::DataPlane;
use heddle_model::report::Report;
use heddle_model::snapshot::{Key, Workload};
use heddle_model::{Diagnostic, Map, Snapshot, SourceRef, WorkloadKey};
use heddle_status::LimitationCounts;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The limitations of proxies, by the object that they concern. A clone shares everything.
pub(crate) type Limitations = Map<SourceRef, Arc<[Diagnostic]>>;

/// The limitations of all linkerd2-proxies, as clients and as servers.
#[derive(Default)]
pub(crate) struct OfLinkerd {
    counts: LimitationCounts<Key>,
    proxies: BTreeSet<WorkloadKey>,
    limitations: Limitations,
}

impl OfLinkerd {
    /// Takes in a change. Returns the objects whose reports differ now.
    pub(crate) fn follow(&mut self, changed: &BTreeSet<Key>, snapshot: &Snapshot) -> BTreeSet<SourceRef> {
        let had_clients = !self.proxies.is_empty();
        let mut keys = BTreeSet::new();
        for key in changed {
            match key {
                Key::Workload(workload) => {
                    self.count(workload, snapshot.workloads.get(workload).map(|found| &**found));
                    keys.insert(key.clone());
                }
                Key::Routes(_) => drop(keys.insert(key.clone())),
                Key::Mesh => keys.extend(self.proxies.iter().cloned().map(Key::Workload)),
                Key::Service(_)
                | Key::Endpoints(_)
                | Key::Address(_)
                | Key::Network(_)
                | Key::Egress(_)
                | Key::Report(_)
                | Key::Diagnostics(_) => {}
            }
        }
        if had_clients == self.proxies.is_empty() {
            keys.extend(snapshot.routes.keys().cloned().map(Key::Routes));
        }
        let each = keys.into_iter().map(|key| {
            let now = self.of(&key, snapshot);
            self.counts.replace(key, now)
        });
        let touched: BTreeSet<SourceRef> = each.flatten().collect();
        for source in &touched {
            let now: Arc<[Diagnostic]> = self.counts.of(source).cloned().collect();
            if now.is_empty() {
                self.limitations.remove(source);
            } else {
                self.limitations.insert(source.clone(), now);
            }
        }
        touched
    }

    /// Returns the limitations of all objects.
    pub(crate) fn limitations(&self) -> Limitations {
        self.limitations.clone()
    }

    fn count(&mut self, key: &WorkloadKey, found: Option<&Workload>) {
        if found.is_some_and(|found| found.plane == Some(DataPlane::Linkerd)) {
            self.proxies.insert(key.clone());
        } else {
            self.proxies.remove(key);
        }
    }

    fn of(&self, key: &Key, snapshot: &Snapshot) -> BTreeSet<Diagnostic> {
        match key {
            Key::Workload(key) if self.proxies.contains(key) => server_limitations(snapshot, key),
            Key::Routes(key) if !self.proxies.is_empty() => client_limitations(snapshot, key),
            Key::Workload(_)
            | Key::Routes(_)
            | Key::Mesh
            | Key::Service(_)
            | Key::Endpoints(_)
            | Key::Address(_)
            | Key::Network(_)
            | Key::Egress(_)
            | Key::Report(_)
            | Key::Diagnostics(_) => BTreeSet::new(),
        }
    }

    /// The report of an object, with what is not done of it.
    pub(super) fn onto(&self, source: &SourceRef, report: &Arc<Report>) -> Arc<Report> {
        self.counts.onto(source, report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use heddle_model::{Kind, WorkloadKind};

    const MESH: &str = "
apiVersion: heddle.dev/v1alpha1
kind: Mesh
metadata: {name: default}
spec: {trustDomain: shop.mesh}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: heddle.dev/v1alpha1
kind: ExternalWorkload
metadata: {name: cart, namespace: shop, labels: {heddle.dev/plane: linkerd}}
spec: {addresses: [10.0.0.1], serviceAccount: cart, ports: [{name: bytes, port: 9000, protocol: TCP}]}
---
apiVersion: heddle.dev/v1alpha1
kind: AccessPolicy
metadata: {name: no-web, namespace: shop}
spec: {action: Deny, rules: [{from: [{serviceAccounts: [{name: web}]}]}]}
";

    async fn snapshot(text: &str) -> Snapshot {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("mesh.yaml"), text).expect("it is written");
        let source = Source::Directory(folder.path().into());
        crate::world::load(&source).await.expect("a mesh").snapshot
    }

    fn enforced(of: &OfLinkerd, snapshot: &Snapshot, policy: &SourceRef) -> Option<String> {
        let report = of.onto(policy, snapshot.reports.get(policy)?);
        let conditions = &report.subjects.first()?.conditions;
        conditions.iter().find(|one| one.kind == "Enforced").map(|one| one.message.clone())
    }

    #[tokio::test]
    async fn a_policy_says_what_linkerd2_proxies_cannot_do_of_it_while_there_is_one() {
        let policy = SourceRef::new(Kind::AccessPolicy, "shop", "no-web");
        let changed = [Key::Workload(WorkloadKey::new(WorkloadKind::External, "shop", "cart"))].into();
        let mut of = OfLinkerd::default();
        let linkerd = snapshot(MESH).await;
        assert_eq!(of.follow(&changed, &linkerd), [policy.clone()].into());
        let told = enforced(&of, &linkerd, &policy).expect("a condition");
        assert!(told.starts_with("port 9000: linkerd2-proxy cannot tell these clients"), "{told}");
        assert_eq!(of.follow(&changed, &linkerd), BTreeSet::new(), "it is told once");
        let envoy = snapshot(&MESH.replace("plane: linkerd", "plane: envoy")).await;
        assert_eq!(of.follow(&changed, &envoy), [policy.clone()].into());
        assert_eq!(enforced(&of, &envoy, &policy), None);
    }
}

//! The UIDs of workloads: they decide nothing about traffic, but a token is of one UID only.

use heddle_model::{Event, Kind, Lowered, Map, Name, SourceRef, WorkloadKey, WorkloadKind};

/// The UID of every workload object, whatever it says. Shared with every published state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Uids(Map<WorkloadKey, Name>);

impl Uids {
    /// The UID of a workload; `None` where objects have none.
    pub(super) fn get(&self, workload: &WorkloadKey) -> Option<Name> {
        self.0.get(workload).filter(|uid| !uid.is_empty()).cloned()
    }

    /// Takes in one event. Returns whether a UID changed.
    pub(super) fn apply(&mut self, event: &Event) -> bool {
        match event {
            Event::Set(object) => self.set(object),
            Event::Delete(source) => key(source).is_some_and(|key| self.0.remove(&key).is_some()),
            Event::Replace(kind, objects) => self.replace(*kind, objects),
        }
    }

    fn set(&mut self, object: &Lowered) -> bool {
        let Some(key) = key(&object.source) else { return false };
        let uid = Name::from(object.meta.uid.as_str());
        if self.0.get(&key) == Some(&uid) {
            return false;
        }
        self.0.insert(key, uid);
        true
    }

    fn replace(&mut self, kind: Kind, objects: &[Lowered]) -> bool {
        let Some(kind) = workload_kind(kind) else { return false };
        let before = self.clone();
        let others = before.0.iter().filter(|(key, _)| key.kind != kind);
        self.0 = others.map(|(key, uid)| (key.clone(), uid.clone())).collect();
        for object in objects {
            self.set(object);
        }
        *self != before
    }
}

fn key(source: &SourceRef) -> Option<WorkloadKey> {
    let kind = workload_kind(source.kind)?;
    Some(WorkloadKey::new(kind, source.namespace.clone(), source.name.clone()))
}

fn workload_kind(kind: Kind) -> Option<WorkloadKind> {
    match kind {
        Kind::Pod => Some(WorkloadKind::Pod),
        Kind::ExternalWorkload => Some(WorkloadKind::External),
        Kind::LinkerdExternalWorkload => Some(WorkloadKind::LinkerdExternal),
        Kind::Namespace
        | Kind::Node
        | Kind::Service
        | Kind::EndpointSlice
        | Kind::HttpRoute
        | Kind::Mesh
        | Kind::InboundPolicy
        | Kind::AccessPolicy
        | Kind::Server
        | Kind::ServerAuthorization
        | Kind::AuthorizationPolicy
        | Kind::MeshTlsAuthentication
        | Kind::NetworkAuthentication
        | Kind::LinkerdHttpRoute
        | Kind::RateLimitPolicy
        | Kind::EgressNetwork
        | Kind::ServiceProfile => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::{Fact, Meta, fact};

    fn pod(name: &str, uid: &str) -> Lowered {
        Lowered {
            source: SourceRef::new(Kind::Pod, "shop", name),
            fact: Fact::Invalid(fact::Invalid { message: String::new() }),
            diagnostics: Vec::new(),
            meta: Meta { uid: uid.into(), ..Meta::default() },
        }
    }

    #[test]
    fn a_pod_that_came_again_under_its_name_has_another_uid() {
        let mut uids = Uids::default();
        let web = WorkloadKey::new(WorkloadKind::Pod, "shop", "web");
        assert!(uids.apply(&Event::Set(Box::new(pod("web", "1")))));
        assert!(!uids.apply(&Event::Set(Box::new(pod("web", "1")))), "an equal write is silent");
        assert!(uids.apply(&Event::Set(Box::new(pod("web", "2")))));
        assert_eq!(uids.get(&web), Some("2".into()));
        assert!(uids.apply(&Event::Replace(Kind::Pod, vec![pod("api", "3")])));
        assert_eq!(uids.get(&web), None);
        assert!(!uids.apply(&Event::Replace(Kind::ExternalWorkload, vec![])), "another kind's list");
        assert!(uids.apply(&Event::Delete(SourceRef::new(Kind::Pod, "shop", "api"))));
    }
}

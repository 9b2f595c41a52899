//! The UIDs of workloads: they decide nothing about traffic, but a token is of one UID only.

use heddle_model::{Event, Kind, Lowered, Map, Name, WorkloadKey, WorkloadKind};
use std::collections::BTreeSet;

/// The UID of every workload object, whatever it says. Shared with every published state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Uids(Map<WorkloadKey, Name>);

impl Uids {
    /// The UID of a workload; `None` where objects have none.
    pub(super) fn get(&self, workload: &WorkloadKey) -> Option<Name> {
        self.0.get(workload).filter(|uid| !uid.is_empty()).cloned()
    }

    /// Takes in one event. Returns whose UID changed.
    pub(super) fn apply(&mut self, event: &Event) -> BTreeSet<WorkloadKey> {
        match event {
            Event::Set(object) => self.set(object).into_iter().collect(),
            Event::Delete(source) => WorkloadKey::from_source(source)
                .filter(|key| self.0.remove(key).is_some())
                .into_iter()
                .collect(),
            Event::Replace(kind, objects) => self.replace(*kind, objects),
        }
    }

    fn set(&mut self, object: &Lowered) -> Option<WorkloadKey> {
        let key = WorkloadKey::from_source(&object.source)?;
        let uid = Name::from(object.meta.uid.as_str());
        if self.0.get(&key) == Some(&uid) {
            return None;
        }
        self.0.insert(key.clone(), uid);
        Some(key)
    }

    fn replace(&mut self, kind: Kind, objects: &[Lowered]) -> BTreeSet<WorkloadKey> {
        let Some(kind) = WorkloadKind::from_object(kind) else { return BTreeSet::new() };
        let before = self.clone();
        let others = before.0.iter().filter(|(key, _)| key.kind != kind);
        self.0 = others.map(|(key, uid)| (key.clone(), uid.clone())).collect();
        for object in objects {
            self.set(object);
        }
        let all = before.0.keys().chain(self.0.keys());
        all.filter(|key| before.0.get(*key) != self.0.get(*key)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::{Fact, Meta, SourceRef, fact};

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
        let [web, api] = ["web", "api"].map(|name| WorkloadKey::new(WorkloadKind::Pod, "shop", name));
        let set = |name, uid| Event::Set(Box::new(pod(name, uid)));
        let mut check = |event, renamed: &[&WorkloadKey]| {
            assert_eq!(uids.apply(&event), renamed.iter().copied().cloned().collect());
        };
        check(set("web", "1"), &[&web]);
        check(set("web", "1"), &[]);
        check(set("web", "2"), &[&web]);
        check(Event::Replace(Kind::Pod, vec![pod("web", "2"), pod("api", "3")]), &[&api]);
        check(Event::Replace(Kind::ExternalWorkload, vec![]), &[]);
        check(Event::Delete(SourceRef::new(Kind::Pod, "shop", "api")), &[&api]);
        assert_eq!((uids.get(&web), uids.get(&api)), (Some("2".into()), None));
    }
}

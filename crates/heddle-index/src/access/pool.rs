//! Equal access lists, kept once: most workloads of a namespace share theirs.

use crate::access::route_access::Found;
use heddle_model::ServicePortKey;
use heddle_model::access::Access;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The access lists of one namespace that are in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    lists: Vec<Arc<Access>>,
    /// The policies on routes at the ports behind some Service ports, until a route or policy of the namespace changes.
    routes: BTreeMap<BTreeSet<ServicePortKey>, Option<Arc<Found>>>,
}

impl Pool {
    /// The equal list that is there already, else this one.
    pub(crate) fn share(&mut self, access: Access) -> Arc<Access> {
        if let Some(equal) = self.lists.iter().find(|other| ***other == access) {
            return equal.clone();
        }
        self.lists.retain(|other| Arc::strong_count(other) > 1);
        let access = Arc::new(access);
        self.lists.push(access.clone());
        access
    }

    /// Returns the policies on routes behind these Service ports, resolved once for all workloads there.
    pub(crate) fn routes(
        &mut self,
        behind: BTreeSet<ServicePortKey>,
        resolve: impl FnOnce(&BTreeSet<ServicePortKey>) -> Option<Found>,
    ) -> Option<Arc<Found>> {
        if let Some(known) = self.routes.get(&behind) {
            return known.clone();
        }
        let found = resolve(&behind).map(Arc::new);
        self.routes.insert(behind, found.clone());
        found
    }

    /// Forgets the policies on routes: a route or a policy changed.
    pub(crate) fn forget_routes(&mut self) {
        self.routes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::access::Posture;

    fn access(posture: Posture) -> Access {
        Access { posture, posture_source: None, policies: Vec::new(), routes: None }
    }

    #[test]
    fn equal_lists_are_one_and_unused_ones_are_dropped() {
        let mut pool = Pool::default();
        let (first, second) = (pool.share(access(Posture::Allow)), pool.share(access(Posture::Allow)));
        assert!(Arc::ptr_eq(&first, &second));
        drop((first, second));
        let _kept = pool.share(access(Posture::Deny));
        assert_eq!(pool.lists.len(), 1);
    }
}

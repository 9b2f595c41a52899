//! Equal access lists, kept once: most workloads of a namespace share theirs.

use heddle_model::access::Access;
use std::sync::Arc;

/// The access lists of one namespace that are in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool(Vec<Arc<Access>>);

impl Pool {
    /// The equal list that is there already, else this one.
    pub(crate) fn share(&mut self, access: Access) -> Arc<Access> {
        if let Some(equal) = self.0.iter().find(|other| ***other == access) {
            return equal.clone();
        }
        self.0.retain(|other| Arc::strong_count(other) > 1);
        let access = Arc::new(access);
        self.0.push(access.clone());
        access
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::access::Posture;

    fn access(posture: Posture) -> Access {
        Access { posture, posture_source: None, policies: Vec::new(), routed: None }
    }

    #[test]
    fn equal_lists_are_one_and_unused_ones_are_dropped() {
        let mut pool = Pool::default();
        let (first, second) = (pool.share(access(Posture::Allow)), pool.share(access(Posture::Allow)));
        assert!(Arc::ptr_eq(&first, &second));
        drop((first, second));
        let _kept = pool.share(access(Posture::Deny));
        assert_eq!(pool.0.len(), 1);
    }
}

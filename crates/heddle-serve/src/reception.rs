//! Room for large messages that are on their way in: of all peers, and of each identity.
//!
//! Whoever finds none waits, and HTTP/2 has its peer wait too: so a thousand proxies that come back at once and name
//! all that they hold are read a few at a time.

use heddle_model::Identity;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes that one permit stands for.
const UNIT: usize = 1024;

/// The room that there is.
#[derive(Debug)]
pub(crate) struct Reception {
    all: Arc<Semaphore>,
    each: usize,
    identities: Mutex<BTreeMap<Identity, Weak<Semaphore>>>,
}

/// Room for one message, given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    _of_identity: (Arc<Semaphore>, OwnedSemaphorePermit),
    _of_all: OwnedSemaphorePermit,
}

impl Reception {
    /// Room for so many bytes, and half of it for any one identity; a message of `largest` bytes fits always.
    pub(crate) fn new(bytes: usize, largest: usize) -> Arc<Self> {
        let each = units(bytes / 2).max(units(largest));
        let all = Arc::new(Semaphore::new(units(bytes).max(each)));
        Arc::new(Self { all, each, identities: Mutex::default() })
    }

    /// Waits for room for a message of `bytes`.
    pub(crate) async fn room(&self, identity: &Identity, bytes: usize) -> Room {
        let units = u32::try_from(units(bytes).min(self.each)).unwrap_or(u32::MAX);
        let own = self.of(identity);
        // Its own first: who has too much under way already does not stand in the way of others.
        let first = own.clone().acquire_many_owned(units).await.expect("never closed");
        let all = self.all.clone().acquire_many_owned(units).await.expect("never closed");
        Room { _of_identity: (own, first), _of_all: all }
    }

    fn of(&self, identity: &Identity) -> Arc<Semaphore> {
        let mut identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = identities.get(identity).and_then(Weak::upgrade) {
            return own;
        }
        identities.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(self.each));
        identities.insert(identity.clone(), Arc::downgrade(&own));
        own
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn one_identity_has_half_of_the_room_and_others_do_not_wait_for_it() {
        let [web, cart] = ["web", "cart"].map(|account| Identity::new("shop", account).unwrap());
        let reception = Reception::new(100 * UNIT, 10 * UNIT);
        let all = reception.room(&web, 50 * UNIT).await;
        assert!(reception.room(&web, 1).now_or_never().is_none());
        let other = reception.room(&cart, 50 * UNIT).now_or_never().expect("there is room");
        assert!(reception.room(&web, 1).now_or_never().is_none());
        drop(all);
        assert!(reception.room(&web, 50 * UNIT).now_or_never().is_some());
        drop(other);
        assert!(reception.room(&cart, 1).now_or_never().is_some());
        assert!(reception.identities.lock().unwrap().len() <= 2);
    }

    #[tokio::test]
    async fn the_largest_message_fits_always() {
        let web = Identity::new("shop", "web").unwrap();
        let reception = Reception::new(UNIT, 10 * UNIT);
        assert!(reception.room(&web, 10 * UNIT).now_or_never().is_some());
    }
}

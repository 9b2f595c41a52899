//! The bounds that a connection passes: one for peers that have not proved who they are, others for those that have.

use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::quota::{Held, Quota};
use crate::refusal::Refusal;
use crate::unproven::{Place, Unproven};
use heddle_model::Identity;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// The bounds on connections.
#[derive(Debug)]
pub(crate) struct Gate {
    metrics: Metrics,
    unproven: Arc<Unproven>,
    proven: Arc<Semaphore>,
    addresses: Arc<Quota<IpAddr>>,
    identities: Arc<Quota<Identity>>,
}

/// The part of the bounds that a connection holds, and the state of its peer's proof.
#[derive(Debug)]
pub(crate) struct Standing {
    gate: Arc<Gate>,
    address: IpAddr,
    proven: AtomicBool,
    holds: Mutex<Holds>,
    /// Cancelled when the connection's place is needed for another.
    evicted: CancellationToken,
}

/// Given back when dropped.
#[derive(Debug)]
enum Holds {
    Place { _place: Place },
    Proven { _connection: OwnedSemaphorePermit, _address: Held<IpAddr>, _identity: Held<Identity> },
}

impl Gate {
    pub(crate) fn new(limits: &Limits, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self {
            metrics,
            unproven: Unproven::new(limits.unproven_connections),
            proven: Arc::new(Semaphore::new(limits.connections)),
            addresses: Quota::new(limits.connections_per_address),
            identities: Quota::new(limits.connections_per_identity),
        })
    }

    /// Takes in a connection, of which nothing is known yet.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Arc<Standing> {
        let (place, evicted, someone_went) = self.unproven.enter(address);
        if someone_went {
            self.metrics.connection_refused("evicted");
        }
        self.metrics.connection_opened();
        self.metrics.unproven(self.unproven.len());
        let holds = Mutex::new(Holds::Place { _place: place });
        Arc::new(Standing { gate: self.clone(), address, proven: AtomicBool::new(false), holds, evicted })
    }

    fn permits(&self, address: IpAddr, identity: &Identity) -> Result<Holds, Refusal> {
        let connection = self.proven.clone().try_acquire_owned().map_err(|_| {
            self.metrics.connection_refused("connections");
            Refusal::Full
        })?;
        let address = self.addresses.take(address).ok_or_else(|| {
            self.metrics.connection_refused("address");
            Refusal::Address(address)
        })?;
        let identity = self.identities.take(identity.clone()).ok_or_else(|| {
            self.metrics.connection_refused("identity");
            Refusal::Connections(identity.clone())
        })?;
        Ok(Holds::Proven { _connection: connection, _address: address, _identity: identity })
    }
}

impl Standing {
    /// Notes that the peer has proved to be `identity`. Only the first proof of a connection counts.
    ///
    /// # Errors
    /// If there are too many connections already: of all, of its address, or of the identity.
    pub(crate) fn prove(&self, identity: &Identity) -> Result<(), Refusal> {
        if self.is_proven() {
            return Ok(());
        }
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_proven() {
            return Ok(());
        }
        *holds = self.gate.permits(self.address, identity)?;
        self.proven.store(true, Ordering::Release);
        drop(holds);
        self.gate.metrics.unproven(self.gate.unproven.len());
        Ok(())
    }

    pub(crate) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Acquire)
    }

    /// Waits until the place of this connection is needed for another, which it never is once the peer is proven.
    pub(crate) async fn evicted(&self) {
        self.evicted.cancelled().await;
        if self.is_proven() {
            std::future::pending().await
        }
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.gate.metrics.connection_closed();
        // The place itself is given up after this.
        let left = self.gate.unproven.len().saturating_sub(usize::from(!self.is_proven()));
        self.gate.metrics.unproven(left);
    }
}

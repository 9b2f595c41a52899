//! The peer of a connection, as far as the connection proves it.

use crate::gate::Standing;
use heddle_model::{Identity, Name};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::time::Instant;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The other end of a connection: in the extensions of every request that came over it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The peer's address.
    pub address: SocketAddr,
    /// The certificate that it proved to own, if it sent one. Its chain was verified in the handshake.
    pub leaf: Option<Arc<Leaf>>,
    /// The activity of the connection.
    pub(crate) activity: Arc<Activity>,
    /// The state of its proof of identity, by whatever means.
    pub(crate) standing: Arc<Standing>,
}

/// The content of a peer's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Trust domain of its SPIFFE ID.
    pub trust_domain: Name,
    /// The workload's identity.
    pub identity: Identity,
    /// The last moment at which it counts.
    pub not_after: SystemTime,
}

/// The reason for which a certificate names no workload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLeaf {
    /// Not X.509, or a subject alternative name that cannot be read.
    #[error("the client certificate cannot be read: {0}")]
    Der(String),
    /// The SPIFFE X.509-SVID standard asks for exactly one.
    #[error("the client certificate has {0} URI names, want exactly one")]
    Uris(usize),
    /// Not a workload of a mesh like this one.
    #[error("the client certificate names no workload: {0}")]
    Spiffe(#[from] heddle_model::identity::BadSpiffeId),
}

impl Leaf {
    /// Reads the identity of a certificate whose chain has been verified.
    ///
    /// # Errors
    /// Says what keeps it from naming exactly one workload.
    pub fn parse(der: &[u8]) -> Result<Self, BadLeaf> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|e| BadLeaf::Der(e.to_string()))?;
        let names = certificate.subject_alternative_name().map_err(|e| BadLeaf::Der(e.to_string()))?;
        let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
        let uris: Vec<&str> = names.iter().filter_map(uri).collect();
        let [uri] = uris[..] else { return Err(BadLeaf::Uris(uris.len())) };
        let (trust_domain, identity) = Identity::parse_spiffe(uri)?;
        let seconds = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
        Ok(Self { trust_domain, identity, not_after: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) })
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of others, which may grow")]
fn uri<'a>(name: &GeneralName<'a>) -> Option<&'a str> {
    match name {
        GeneralName::URI(uri) => Some(uri),
        _ => None,
    }
}

/// The time that a connection that is parted from lives without a stream: long enough to read why.
const PARTING: Duration = Duration::from_secs(1);

/// The number of streams that run on a connection, when the last one ended, and whether it is wanted any longer.
#[derive(Debug)]
pub(crate) struct Activity {
    streams: AtomicUsize,
    parting: AtomicBool,
    refused: AtomicBool,
    ended: Mutex<Instant>,
    changed: Notify,
}

/// A stream that runs; dropped when it ends.
#[derive(Debug)]
pub(crate) struct Running(Arc<Activity>);

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            streams: AtomicUsize::new(0),
            parting: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            ended: Mutex::new(Instant::now()),
            changed: Notify::new(),
        })
    }

    /// Counts one more stream until the answer is dropped.
    pub(crate) fn start(self: &Arc<Self>) -> Running {
        self.streams.fetch_add(1, Ordering::Relaxed);
        Running(self.clone())
    }

    /// Closes the connection soon after its last stream: its peer is better served elsewhere.
    pub(crate) fn part(&self) {
        self.parting.store(true, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// Closes the connection as soon as what is said is sent: a call was refused for what the connection is, and the next
    /// one would be, too.
    pub(crate) fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Waits for [`Self::part`] or [`Self::refuse`], from the moment of this call on.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// The time at which the connection will have been without a stream for `limit`, if none starts.
    pub(crate) fn idle_at(&self, limit: Duration) -> Instant {
        let limit = if self.parting.load(Ordering::Relaxed) { limit.min(PARTING) } else { limit };
        if self.streams.load(Ordering::Relaxed) > 0 {
            return Instant::now() + limit;
        }
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) + limit
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.ended.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        let error = Leaf::parse(b"no").expect_err("not DER").to_string();
        assert!(error.starts_with("the client certificate cannot be read: "), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_from_the_end_of_its_last_stream() {
        let activity = Activity::new();
        let limit = Duration::from_secs(60);
        let start = Instant::now();
        assert_eq!(activity.idle_at(limit), start + limit);
        let stream = activity.start();
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(activity.idle_at(limit), start + Duration::from_secs(150));
        drop(stream);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(activity.idle_at(limit), start + Duration::from_secs(150));
        activity.part();
        assert_eq!(activity.idle_at(limit), start + Duration::from_secs(91));
    }
}

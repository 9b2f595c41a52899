//! The certificate services: a token and a CSR in, a chain out.

mod istio;

pub(crate) use istio::Istio;

use crate::auth::{Caller, Proof};
use crate::clock::Clock;
use crate::engine::{Engine, Published};
use crate::metrics::Metrics;
use crate::peer::Peer;
use crate::rate::Rate;
use crate::refusal::{Ended, Refusal};
use crate::refusal_log::RefusalLog;
use crate::registry::Registry;
use arc_swap::ArcSwapOption;
use heddle_ca::{Authority, Leaf, Template, csr};
use heddle_model::fact::Mesh;
use heddle_model::{Identity, WorkloadKey};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::{Code, Status};

/// The time that leaves live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// The value where the request does not say.
    pub default: Duration,
    /// However much the request asks for.
    pub most: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self { default: day, most: day }
    }
}

/// The signing authority; empty while there is none.
pub type Signer = Arc<ArcSwapOption<Authority>>;

/// The shared part of the certificate services: one way from a token and a CSR to a leaf.
pub(crate) struct Issuer<P> {
    pub(crate) engine: Engine<P>,
    pub(crate) signer: Signer,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) registry: Arc<Registry>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) drain: crate::drain::Drain,
    pub(crate) signing: Semaphore,
    pub(crate) rate: Rate<Holder>,
    pub(crate) log: RefusalLog,
}

/// The holder of a rate of certificates: the workload of a token, or the identity of one that names none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    Workload(WorkloadKey),
    Identity(Identity),
}

/// The request of a caller that has shown its token.
pub(crate) struct Wanted<'a> {
    pub(crate) caller: Caller,
    pub(crate) request: &'a [u8],
    pub(crate) lifetime: Duration,
}

/// A leaf, and who signed it.
pub(crate) struct Issued {
    pub(crate) leaf: Leaf,
    pub(crate) authority: Arc<Authority>,
}

impl<P: Published> Issuer<P> {
    /// Does the work of one call: counted, and logged where it fails.
    pub(crate) async fn serve<T>(
        &self,
        peer: &Peer,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Status> {
        let start = Instant::now();
        let _running = peer.activity.start();
        if self.drain.has_begun() {
            return Err(Ended::Draining.into());
        }
        let outcome = work.await;
        self.metrics.issued(result(&outcome), start.elapsed());
        outcome.map_err(|refusal| {
            let status = Status::from(refusal);
            self.log.line(|| {
                let (code, reason) = (status.code(), status.message());
                tracing::info!(peer = %peer.address, ?code, reason, "certificate refused");
            });
            status
        })
    }

    /// Signs what the caller's own template says for the key of its request.
    ///
    /// Whoever comes here has proved who it is: nobody else takes a turn from those who may have a certificate.
    pub(crate) fn issue(&self, wanted: Wanted<'_>) -> Result<Issued, Refusal> {
        let Wanted { caller, request, lifetime } = wanted;
        self.limit(&caller)?;
        let state = self.engine.latest()?;
        let authority =
            self.signer.load_full().ok_or_else(|| Refusal::Authority("there is no authority".into()))?;
        let _turn = self.signing.try_acquire().map_err(|_| Refusal::Busy)?;
        let leaf = sign(&authority, &caller, &state.snapshot().mesh, request, lifetime, self.clock.as_ref())?;
        self.note(caller, &leaf);
        Ok(Issued { leaf, authority })
    }

    fn limit(&self, caller: &Caller) -> Result<(), Refusal> {
        let holder = match &caller.proof {
            Proof::Token(Some(workload)) => Holder::Workload(workload.clone()),
            Proof::Token(None) | Proof::Certificate(_) => Holder::Identity(caller.identity.clone()),
        };
        self.rate.take(&holder).map_err(|wait| Refusal::Often { who: holder.to_string(), wait })
    }

    fn note(&self, caller: Caller, leaf: &Leaf) {
        let Caller { identity, proof, uid: _, expires: _ } = caller;
        tracing::info!(%identity, serial = leaf.serial(), "certificate issued");
        let workload = match proof {
            Proof::Token(workload) => workload,
            Proof::Certificate(_) => None,
        };
        self.registry.issued(workload, identity, leaf.validity().not_after, self.clock.now());
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Workload(workload) => workload.fmt(f),
            Self::Identity(identity) => identity.fmt(f),
        }
    }
}

impl Lifetimes {
    /// Returns what is granted of `seconds` asked for; none or less than none is not said.
    pub(crate) fn of(&self, seconds: i64) -> Duration {
        match u64::try_from(seconds) {
            Ok(0) | Err(_) => self.default,
            Ok(seconds) => Duration::from_secs(seconds).min(self.most),
        }
    }
}

fn sign(
    authority: &Authority,
    caller: &Caller,
    mesh: &Mesh,
    request: &[u8],
    lifetime: Duration,
    clock: &dyn Clock,
) -> Result<Leaf, Refusal> {
    let key = csr::parse(request).map_err(|error| Refusal::Request(error.to_string()))?;
    let template = Template::workload(&caller.identity, &mesh.trust_domain, &mesh.identity_suffix, lifetime);
    let mut random = |bytes: &mut [u8]| {
        aws_lc_rs::rand::fill(bytes).expect("the system has randomness");
    };
    let signed = authority.sign(&template, &key, clock.now(), &mut random);
    signed.map_err(|error| Refusal::Authority(error.to_string()))
}

fn result<T>(outcome: &Result<T, Refusal>) -> &'static str {
    match outcome.as_ref().map_err(Refusal::code) {
        Ok(_) => "ok",
        Err(Code::Unauthenticated) => "unauthenticated",
        Err(Code::PermissionDenied) => "denied",
        Err(Code::InvalidArgument | Code::FailedPrecondition) => "invalid",
        Err(Code::ResourceExhausted) => "exhausted",
        Err(_) => "unavailable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_granted_up_to_the_most() {
        let lifetimes = Lifetimes { default: Duration::from_secs(600), most: Duration::from_secs(900) };
        for (asked, granted) in [(0, 600), (-1, 600), (1, 1), (700, 700), (i64::MAX, 900)] {
            assert_eq!(lifetimes.of(asked), Duration::from_secs(granted), "{asked}");
        }
    }
}

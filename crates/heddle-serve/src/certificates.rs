//! The certificate service: a token and a CSR in, a chain out.

use crate::auth::{self, Authenticate, Caller, Proof};
use crate::clock::Clock;
use crate::engine::{Engine, Published};
use crate::metrics::Metrics;
use crate::peer::Peer;
use crate::refusal::{Ended, Refusal};
use crate::registry::Registry;
use arc_swap::ArcSwapOption;
use heddle_ca::{Authority, Leaf, Template, csr};
use heddle_model::fact::Mesh;
use heddle_proto::istio::v1::auth::istio_certificate_service_server::IstioCertificateService;
use heddle_proto::istio::v1::auth::{IstioCertificateRequest, IstioCertificateResponse};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status};

/// The metadata by which ztunnel asks for the identity of another.
const IMPERSONATED: &str = "ImpersonatedIdentity";

/// How long leaves live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Where the request does not say.
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

/// Who signs; empty while there is nobody.
pub type Signer = Arc<ArcSwapOption<Authority>>;

/// `istio.v1.auth.IstioCertificateService`
pub(crate) struct Certificates<P> {
    pub(crate) engine: Engine<P>,
    pub(crate) tokens: Arc<dyn Authenticate>,
    pub(crate) signer: Signer,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) registry: Arc<Registry>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) drain: crate::drain::Drain,
    pub(crate) signing: Arc<Semaphore>,
}

impl<P: Published> Certificates<P> {
    /// The chain: leaf, intermediates, and the roots in one last item.
    async fn issue(&self, request: Request<IstioCertificateRequest>) -> Result<Vec<String>, Refusal> {
        let _permit = self.signing.try_acquire().map_err(|_| Refusal::Busy)?;
        // Always by token: a certificate renews nothing, or a stolen key would live for ever.
        let token = auth::bearer(request.metadata())?.ok_or(Refusal::NoToken)?;
        let caller = self.tokens.authenticate(token).await?;
        let IstioCertificateRequest { csr, validity_duration, metadata } = request.into_inner();
        if metadata.is_some_and(|metadata| metadata.fields.contains_key(IMPERSONATED)) {
            return Err(Refusal::Impersonation);
        }
        let state = self.engine.latest()?;
        let authority =
            self.signer.load_full().ok_or_else(|| Refusal::Authority("there is no authority".into()))?;
        let lifetime = self.lifetimes.of(validity_duration);
        let leaf =
            sign(&authority, &caller, &state.snapshot().mesh, csr.as_bytes(), lifetime, self.clock.as_ref())?;
        self.note(caller, &leaf);
        let mut chain = leaf.chain_pem();
        chain.push(authority.bundle().pem().to_string());
        Ok(chain)
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

impl Lifetimes {
    /// What is granted of `seconds` asked for; none or less than none is not said.
    fn of(&self, seconds: i64) -> Duration {
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

fn result(outcome: &Result<Vec<String>, Refusal>) -> &'static str {
    match outcome.as_ref().map_err(Refusal::code) {
        Ok(_) => "ok",
        Err(Code::Unauthenticated) => "unauthenticated",
        Err(Code::PermissionDenied) => "denied",
        Err(Code::InvalidArgument) => "invalid",
        Err(_) => "unavailable",
    }
}

#[tonic::async_trait]
impl<P: Published> IstioCertificateService for Certificates<P> {
    async fn create_certificate(
        &self,
        request: Request<IstioCertificateRequest>,
    ) -> Result<Response<IstioCertificateResponse>, Status> {
        let start = Instant::now();
        let peer = request.extensions().get::<Peer>().cloned();
        let _running = peer.as_ref().map(|peer| peer.activity.start());
        if self.drain.has_begun() {
            return Err(Ended::Draining.into());
        }
        let outcome = self.issue(request).await;
        self.metrics.issued(result(&outcome), start.elapsed());
        if let Err(refusal) = &outcome {
            let peer = peer.map(|peer| peer.address.to_string());
            tracing::info!(peer, code = ?refusal.code(), reason = %refusal, "certificate refused");
        }
        Ok(Response::new(IstioCertificateResponse { cert_chain: outcome? }))
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

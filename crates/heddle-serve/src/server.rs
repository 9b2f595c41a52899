//! One port for everything that proxies and agents ask.

use crate::accept::{Acceptor, BadListener, Security};
use crate::auth::Authenticate;
use crate::budget::Budgets;
use crate::calls::{Answer, Call, Method};
use crate::certificates::{Issuer, Istio, Lifetimes, Signer};
use crate::clock::Clock;
use crate::drain::Drain;
use crate::engine::{Engine, Published};
use crate::feeds::Subscriber;
use crate::limits::Limits;
use crate::linkerd::{Certify, Resolve, Subscriptions};
use crate::metrics::Metrics;
use crate::rate::Rate;
use crate::reception::Reception;
use crate::refusal_log::RefusalLog;
use crate::registry::Registry;
use crate::shared::{Refusals, Shared};
use crate::xds::{Delta, Discovery, Sotw};
use futures::future::BoxFuture;
use heddle_catalog::Feed;
use http::Response;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;

/// Everything that is served from, and by what rules.
pub struct Server<P, F: Feed> {
    /// The mesh.
    pub engine: Engine<P>,
    /// Its answers to linkerd2-proxies.
    pub feeds: Subscriber<F>,
    /// The topic of each of their requests.
    pub resolve: Resolve<F>,
    /// The check of tokens.
    pub tokens: Arc<dyn Authenticate>,
    /// The check of the tokens that linkerd2-proxies show for a certificate.
    pub linkerd_tokens: Arc<dyn Authenticate>,
    /// The signing authority.
    pub signer: Signer,
    /// The time that what is signed lives.
    pub lifetimes: Lifetimes,
    /// The connected clients.
    pub registry: Arc<Registry>,
    /// The counters.
    pub metrics: Metrics,
    /// The bounds on peers.
    pub limits: Limits,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// The end.
    pub drain: Drain,
}

/// The reason for which serving ended badly.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It never began.
    #[error(transparent)]
    Listener(#[from] BadListener),
}

/// The services that answer calls.
pub(crate) struct Services<P, F: Feed> {
    limits: Limits,
    discovery: Discovery<P>,
    istio: Istio<P>,
    certify: Certify<P>,
    subscriptions: Subscriptions<P, F>,
}

impl<P: Published, F: Feed> Server<P, F> {
    /// Serves on `listener` until drained: then no connection is accepted, streams end at their own moment,
    /// and this returns when the last connection has closed, or at once when draining is forced.
    ///
    /// # Errors
    /// If the listener may not be served on.
    pub async fn serve(self, listener: TcpListener, security: Security) -> Result<(), ServeError> {
        let (limits, metrics, drain) = (self.limits.clone(), self.metrics.clone(), self.drain.clone());
        let acceptor = Acceptor::new(listener, security, limits, metrics)?;
        let serving = acceptor.run(Arc::new(self.services()), drain.clone());
        let serving = drain.tasks().track_future(serving);
        tokio::select! {
            () = serving => {}
            () = drain.forced().cancelled_owned() => {}
        }
        Ok(())
    }

    fn services(self) -> Services<P, F> {
        let Self {
            engine,
            feeds,
            resolve,
            tokens,
            linkerd_tokens,
            signer,
            lifetimes,
            registry,
            metrics,
            limits,
            clock,
            drain,
        } = self;
        let issuer = Arc::new(Issuer {
            engine: engine.clone(),
            signer,
            lifetimes,
            registry: registry.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
            drain: drain.clone(),
            signing: Semaphore::new(limits.signatures),
            rate: Rate::new(limits.certificates_at_once, limits.certificate_every),
            log: RefusalLog::new("certificates"),
        });
        let shared = Arc::new(Shared {
            budgets: Budgets::new(&limits, metrics.clone()),
            reception: Reception::new(limits.reception_bytes, limits.request_bytes),
            refusals: Refusals::new(),
            engine,
            tokens: tokens.clone(),
            registry,
            metrics,
            limits: limits.clone(),
            clock,
            drain,
        });
        Services {
            istio: Istio { issuer: issuer.clone(), tokens },
            certify: Certify { issuer, tokens: linkerd_tokens },
            subscriptions: Subscriptions::new(shared.clone(), feeds, resolve),
            discovery: Discovery(shared),
            limits,
        }
    }
}

impl<P: Published, F: Feed> Answer for Services<P, F> {
    fn answer(self: Arc<Self>, method: Method, call: Call) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async move {
            let answered = match method {
                Method::Delta => self.discovery.open::<Delta>(call).await,
                Method::Sotw => self.discovery.open::<Sotw>(call).await,
                Method::CreateCertificate => self.istio.create(call).await,
                Method::Certify => self.certify.certify(call).await,
                Method::Get
                | Method::GetProfile
                | Method::WatchPort
                | Method::GetPort
                | Method::Watch
                | Method::GetPolicy => self.subscriptions.answer(method, call).await,
            };
            answered.unwrap_or_else(Status::into_http)
        })
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }
}

//! One port for everything that proxies and agents ask.

use crate::accept::{Acceptor, BadListener, Security};
use crate::auth::Authenticate;
use crate::certificates::{Issuer, Istio, Lifetimes, Signer};
use crate::clock::Clock;
use crate::drain::Drain;
use crate::engine::{Engine, Published};
use crate::feeds::Subscriber;
use crate::limits::Limits;
use crate::linkerd::{self, Certify, Questions};
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::xds::{Discovery, Shared};
use heddle_catalog::Feed;
use heddle_proto::io::linkerd::proxy::identity::identity_server::IdentityServer;
use heddle_proto::istio::v1::auth::istio_certificate_service_server::IstioCertificateServiceServer;
use heddle_proto::raw::AggregatedDiscoveryServiceServer;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Router;

/// The largest request for a certificate, in bytes; its CSR is bounded again.
const CERTIFICATE_REQUEST_BYTES: usize = 64 * 1024;
/// Connections that passed the gate and are not taken up yet.
const READY: usize = 64;
/// HTTP/2 header bytes of one request: a token is most of them.
const HEADER_BYTES: u32 = 32 * 1024;
/// Bytes that a stream may send ahead of being read; a connection may send four times that.
const WINDOW: u32 = 64 * 1024;

/// Everything that is served from, and by what rules.
pub struct Server<P, F: Feed> {
    /// The mesh.
    pub engine: Engine<P>,
    /// Its answers to linkerd2-proxies.
    pub feeds: Subscriber<F>,
    /// Who checks tokens.
    pub tokens: Arc<dyn Authenticate>,
    /// Who checks the tokens that linkerd2-proxies show for a certificate.
    pub linkerd_tokens: Arc<dyn Authenticate>,
    /// Who signs.
    pub signer: Signer,
    /// How long what is signed lives.
    pub lifetimes: Lifetimes,
    /// Who is connected.
    pub registry: Arc<Registry>,
    /// What is counted.
    pub metrics: Metrics,
    /// What peers may take.
    pub limits: Limits,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// How it ends.
    pub drain: Drain,
}

/// Why serving ended badly.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It never began.
    #[error(transparent)]
    Listener(#[from] BadListener),
    /// HTTP/2 could not be set up.
    #[error("serving failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}

impl<P: Published, F: Questions> Server<P, F> {
    /// Serves on `listener` until drained: then no connection is accepted, streams end at their own moment,
    /// and this returns when the last connection has closed, or at once when draining is forced.
    ///
    /// # Errors
    /// If the listener may not be served on.
    pub async fn serve(self, listener: TcpListener, security: Security) -> Result<(), ServeError> {
        let (limits, metrics, drain) = (self.limits.clone(), self.metrics.clone(), self.drain.clone());
        let acceptor = Acceptor::new(listener, security, limits, metrics)?;
        let (ready, connections) = mpsc::channel(READY);
        let stop = drain.token();
        let accepting = drain.tasks().spawn(acceptor.run(ready, stop.clone()));
        let connections = ReceiverStream::new(connections);
        let serving = self.router().serve_with_incoming_shutdown(connections, stop.cancelled_owned());
        let serving = drain.tasks().track_future(serving);
        tokio::select! {
            served = serving => served?,
            () = drain.forced().cancelled_owned() => {}
        }
        accepting.abort();
        Ok(())
    }

    fn router(self) -> Router {
        let mut server = transport(&self.limits);
        let request_bytes = self.limits.request_bytes;
        let Self {
            engine,
            feeds,
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
            signing: Arc::new(Semaphore::new(limits.signatures)),
        });
        let istio = Istio { issuer: issuer.clone(), tokens: tokens.clone() };
        let istio =
            IstioCertificateServiceServer::new(istio).max_decoding_message_size(CERTIFICATE_REQUEST_BYTES);
        let certify = IdentityServer::new(Certify { issuer, tokens: linkerd_tokens })
            .max_decoding_message_size(CERTIFICATE_REQUEST_BYTES);
        let shared = Shared { engine, tokens, registry, metrics, limits, clock, drain };
        let questions = Arc::new(linkerd::Shared::new(&shared, feeds));
        let discovery = AggregatedDiscoveryServiceServer::new(Discovery(Arc::new(shared)))
            .max_decoding_message_size(request_bytes)
            .max_encoding_message_size(usize::MAX);
        server
            .add_service(discovery)
            .add_service(istio)
            .add_service(certify)
            .add_service(linkerd::Destination(questions.clone()))
            .add_service(linkerd::Inbound(questions.clone()))
            .add_service(linkerd::Outbound(questions))
    }
}

fn transport(limits: &Limits) -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .timeout(limits.call)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(4 * WINDOW)
        .max_concurrent_streams(limits.streams_per_connection)
        .http2_keepalive_interval(Some(limits.keepalive))
        .http2_keepalive_timeout(Some(limits.keepalive_timeout))
        .http2_max_header_list_size(HEADER_BYTES)
}

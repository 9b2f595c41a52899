//! The service that Istio's agents and ztunnels know, and ours.

use super::{Issued, Issuer, Wanted};
use crate::auth::{self, Authenticate};
use crate::engine::Published;
use crate::peer::Peer;
use crate::refusal::Refusal;
use heddle_proto::istio::v1::auth::istio_certificate_service_server::IstioCertificateService;
use heddle_proto::istio::v1::auth::{IstioCertificateRequest, IstioCertificateResponse};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The metadata by which ztunnel asks for the identity of another.
const IMPERSONATED: &str = "ImpersonatedIdentity";

/// `istio.v1.auth.IstioCertificateService`
pub(crate) struct Istio<P> {
    pub(crate) issuer: Arc<Issuer<P>>,
    pub(crate) tokens: Arc<dyn Authenticate>,
}

impl<P: Published> Istio<P> {
    /// The chain: leaf, intermediates, and the roots in one last item.
    async fn issue(&self, request: Request<IstioCertificateRequest>) -> Result<Vec<String>, Refusal> {
        // Always by token: a certificate renews nothing, or a stolen key would live for ever.
        let token = auth::bearer(request.metadata())?.ok_or(Refusal::NoToken)?;
        let caller = self.tokens.authenticate(token).await?;
        let IstioCertificateRequest { csr, validity_duration, metadata } = request.into_inner();
        if metadata.is_some_and(|metadata| metadata.fields.contains_key(IMPERSONATED)) {
            return Err(Refusal::Impersonation);
        }
        let lifetime = self.issuer.lifetimes.of(validity_duration);
        let Issued { leaf, authority } =
            self.issuer.issue(Wanted { caller, request: csr.as_bytes(), lifetime })?;
        let mut chain = leaf.chain_pem();
        chain.push(authority.bundle().pem().to_string());
        Ok(chain)
    }
}

#[tonic::async_trait]
impl<P: Published> IstioCertificateService for Istio<P> {
    async fn create_certificate(
        &self,
        request: Request<IstioCertificateRequest>,
    ) -> Result<Response<IstioCertificateResponse>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let cert_chain = self.issuer.serve(peer, self.issue(request)).await?;
        Ok(Response::new(IstioCertificateResponse { cert_chain }))
    }
}

//! The service that Istio's agents and ztunnels know, and ours.

use super::{Issued, Issuer, Wanted};
use crate::auth::{self, Authenticate};
use crate::calls::Call;
use crate::engine::Published;
use crate::refusal::Refusal;
use crate::replies;
use heddle_proto::istio::v1::auth::{IstioCertificateRequest, IstioCertificateResponse};
use http::Response;
use std::sync::Arc;
use tonic::Status;
use tonic::body::Body;

/// The metadata by which ztunnel asks for the identity of another.
const IMPERSONATED: &str = "ImpersonatedIdentity";

/// `istio.v1.auth.IstioCertificateService`
pub(crate) struct Istio<P> {
    pub(crate) issuer: Arc<Issuer<P>>,
    pub(crate) tokens: Arc<dyn Authenticate>,
}

impl<P: Published> Istio<P> {
    /// `CreateCertificate`
    pub(crate) async fn create(&self, call: Call) -> Result<Response<Body>, Status> {
        let peer = call.peer.clone();
        let cert_chain = self.issuer.serve(&peer, self.issue(call)).await?;
        Ok(replies::one(IstioCertificateResponse { cert_chain }))
    }

    /// The chain: leaf, intermediates, and the roots in one last item.
    async fn issue(&self, call: Call) -> Result<Vec<String>, Refusal> {
        let Call { peer, authorization, mut messages } = call;
        // Always by token: a certificate renews nothing, or a stolen key would live for ever.
        let token = auth::bearer(authorization.as_ref())?.ok_or(Refusal::NoToken)?;
        let caller = auth::by_token(&peer, token, self.tokens.as_ref()).await?;
        let IstioCertificateRequest { csr, validity_duration, metadata } = messages.only().await?;
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

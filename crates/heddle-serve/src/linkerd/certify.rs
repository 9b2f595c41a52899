//! Certificates, as linkerd2-proxy asks for them.

use crate::auth::{self, Authenticate};
use crate::calls::Call;
use crate::certificates::{Issued, Issuer, Wanted};
use crate::engine::Published;
use crate::refusal::Refusal;
use crate::replies;
use heddle_proto::google::protobuf::Timestamp;
use heddle_proto::io::linkerd::proxy::identity::{CertifyRequest, CertifyResponse};
use http::Response;
use std::sync::Arc;
use std::time::SystemTime;
use tonic::Status;
use tonic::body::Body;

/// `io.linkerd.proxy.identity.Identity`
pub(crate) struct Certify<P> {
    pub(crate) issuer: Arc<Issuer<P>>,
    /// Takes tokens of Linkerd's audience too.
    pub(crate) tokens: Arc<dyn Authenticate>,
}

impl<P: Published> Certify<P> {
    /// `Certify`
    pub(crate) async fn certify(&self, call: Call) -> Result<Response<Body>, Status> {
        let peer = call.peer.clone();
        Ok(replies::one(self.issuer.serve(&peer, self.issue(call)).await?))
    }

    /// By the token in the message alone: what connection it came over proves nothing. So this one message is read of
    /// whoever calls, and is short.
    async fn issue(&self, call: Call) -> Result<CertifyResponse, Refusal> {
        let Call { peer, authorization: _, mut messages } = call;
        let CertifyRequest { identity: asked, token, certificate_signing_request } = messages.only().await?;
        let token = std::str::from_utf8(&token).map_err(|_| Refusal::Token("it is no text".into()))?.trim();
        if token.is_empty() {
            return Err(Refusal::NoToken);
        }
        let caller = auth::by_token(&peer, token, self.tokens.as_ref()).await?;
        let own = caller.identity.dns(&self.issuer.engine.latest()?.snapshot().mesh.identity_suffix);
        if asked.trim_end_matches('.') != own {
            return Err(Refusal::Name { asked: asked.chars().take(256).collect(), own });
        }
        let lifetime = self.issuer.lifetimes.default;
        let request = certificate_signing_request.as_ref();
        let Issued { leaf, authority: _ } = self.issuer.issue(Wanted { caller, request, lifetime })?;
        let mut chain = leaf.chain().into_iter().map(|der| der.to_vec().into());
        Ok(CertifyResponse {
            leaf_certificate: chain.next().unwrap_or_default(),
            intermediate_certificates: chain.collect(),
            valid_until: Some(timestamp(leaf.validity().not_after)),
        })
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}

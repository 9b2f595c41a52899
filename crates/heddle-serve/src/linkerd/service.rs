//! The calls of linkerd2-proxies, by hand: generated services copy each message for each stream, and keep the copy.

use super::Subscriptions;
use super::question::{self, Extent, Question};
use crate::calls::{Call, Method};
use crate::engine::Published;
use crate::messages::Messages;
use crate::refusal::{Ended, Refusal};
use crate::replies;
use heddle_catalog::Feed;
use http::Response;
use prost::Message;
use tonic::Status;
use tonic::body::Body;

impl<P: Published, F: Feed> Subscriptions<P, F> {
    /// Answers one of the methods of destinations, inbound and outbound policies.
    pub(crate) async fn answer(&self, method: Method, call: Call) -> Result<Response<Body>, Status> {
        let Call { peer, authorization, messages } = call;
        let running = peer.activity.start();
        if self.shared.drain.has_begun() {
            return Err(self.shared.refused(&peer, Ended::Draining.into()));
        }
        let answers = async {
            let caller = self.caller(&peer, authorization.as_ref()).await?;
            let question = read(method, messages).await?;
            self.open(&peer, running, caller, question).await
        };
        Ok(replies::response(answers.await.map_err(|status| self.shared.refused(&peer, status))?))
    }
}

/// The question of a call. How long it may take to come is the bound on every call.
async fn read(method: Method, messages: Messages) -> Result<Question, Status> {
    Ok(match method {
        Method::Get => question::endpoints(message(messages).await?),
        Method::GetProfile => question::profile(message(messages).await?),
        Method::WatchPort => question::inbound(message(messages).await?, Extent::Follow),
        Method::GetPort => question::inbound(message(messages).await?, Extent::Once),
        Method::Watch => question::outbound(message(messages).await?, Extent::Follow)?,
        Method::GetPolicy => question::outbound(message(messages).await?, Extent::Once)?,
        Method::Delta | Method::Sotw | Method::CreateCertificate | Method::Certify => {
            return Err(Status::internal("this is no question"));
        }
    })
}

async fn message<M: Message + Default>(mut messages: Messages) -> Result<M, Status> {
    Ok(messages.only().await.map_err(Refusal::Message)?)
}

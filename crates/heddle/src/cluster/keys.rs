//! The keys that the cluster signs ServiceAccount tokens with, and what it says of tokens itself.

use anyhow::{Context, Result};
use futures::future::{BoxFuture, FutureExt};
use heddle_ca::token::{Keys, Reviewed, Rules};
use heddle_kube::{Client, Verdict};
use heddle_serve::tokens::{Answer, FetchKeys, Review};
use std::collections::BTreeSet;

/// Asks the API server.
pub(crate) struct ClusterKeys(pub(crate) Client);

impl ClusterKeys {
    /// The rules for this cluster's tokens, and its keys now.
    pub(crate) async fn rules(&self) -> Result<(Rules, Keys)> {
        let heddle_kube::Keys { issuer, jwks } = heddle_kube::keys(&self.0)
            .await
            .context("the API server does not tell the issuer and keys of its tokens")?;
        let keys = Keys::from_jwks(jwks.to_string().as_bytes()).context("the API server's key set")?;
        Ok((Rules { issuer, audiences: BTreeSet::from([crate::state::AUDIENCE.into()]) }, keys))
    }
}

impl FetchKeys for ClusterKeys {
    fn fetch(&self) -> BoxFuture<'_, Result<Keys, String>> {
        self.rules().map(|found| found.map(|(_, keys)| keys).map_err(|error| format!("{error:#}"))).boxed()
    }
}

/// Asks the API server about single tokens.
pub(crate) struct ClusterReviews(pub(crate) Client);

impl Review for ClusterReviews {
    fn review<'a>(
        &'a self,
        token: &'a str,
        audiences: &'a BTreeSet<String>,
    ) -> BoxFuture<'a, Result<Answer, String>> {
        heddle_kube::review(&self.0, token, audiences)
            .map(|verdict| verdict.map(answer).map_err(|error| error.to_string()))
            .boxed()
    }
}

fn answer(verdict: Verdict) -> Answer {
    match verdict {
        Verdict::Good { user, pod, audiences } => Answer::Good(Reviewed { user, pod, audiences }),
        Verdict::Bad(text) => Answer::Bad(text),
    }
}

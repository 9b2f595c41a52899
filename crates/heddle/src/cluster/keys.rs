//! The keys that the cluster signs ServiceAccount tokens with.

use anyhow::{Context, Result};
use futures::future::{BoxFuture, FutureExt};
use heddle_ca::token::{Keys, Rules};
use heddle_kube::Client;
use heddle_serve::tokens::FetchKeys;
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

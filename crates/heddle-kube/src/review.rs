//! TokenReviews: what the API server itself says of a token.

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube::api::PostParams;
use kube::{Api, Client};
use std::collections::BTreeSet;

/// The key under which the API server names the Pod that a token is bound to.
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

/// The API server's answer about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is good.
    Good {
        /// The token's user.
        user: String,
        /// Name and UID of the Pod that it is bound to.
        pod: Option<(String, String)>,
        /// For whom it is good, of those that were asked about.
        audiences: Vec<String>,
    },
    /// It is not, and why.
    Bad(String),
}

/// Asks the API server whether `token` is good for one of `audiences`. It looks at its keys, at those that it
/// does not publish too, and at whether the Pod lives. Needs the right to create TokenReviews.
///
/// # Errors
/// There is no answer: the token may be good or not.
pub async fn review(
    client: &Client,
    token: &str,
    audiences: &BTreeSet<String>,
) -> Result<Verdict, kube::Error> {
    let spec = TokenReviewSpec {
        token: Some(token.to_owned()),
        audiences: Some(audiences.iter().cloned().collect()),
    };
    let question = TokenReview { spec, ..Default::default() };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &question).await?;
    let status = answer.status.unwrap_or_default();
    if status.authenticated != Some(true) {
        return Ok(Verdict::Bad(status.error.unwrap_or_else(|| "it gives no reason".to_owned())));
    }
    let UserInfo { username, extra, uid: _, groups: _ } = status.user.unwrap_or_default();
    let extra = extra.unwrap_or_default();
    let only = |key: &str| match extra.get(key).map(Vec::as_slice) {
        Some([one]) => Some(one.clone()),
        _ => None,
    };
    Ok(Verdict::Good {
        user: username.unwrap_or_default(),
        pod: only(POD_NAME).zip(only(POD_UID)),
        audiences: status.audiences.unwrap_or_default(),
    })
}

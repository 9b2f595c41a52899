//! Authentication of callers: by the certificate of the connection, else by a token.

use crate::peer::{Leaf, Peer};
use crate::refusal::Refusal;
use futures::future::BoxFuture;
use heddle_model::{Identity, Name, WorkloadKey};
use http::HeaderValue;
use std::net::IpAddr;
use std::time::SystemTime;

/// A caller that has proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The identity.
    pub identity: Identity,
    /// The proof of it.
    pub proof: Proof,
    /// The UID of the workload: the token's; for a certificate, which names none, that of the workload under
    /// the name when the stream begins. `None` where objects have no UIDs.
    pub uid: Option<Name>,
    /// Until when the proof counts.
    pub expires: SystemTime,
}

/// The proof of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A client certificate of this trust domain: any workload of the identity.
    Certificate(Name),
    /// A token, bound to the one workload that it was made for; unbound where it names none.
    Token(Option<WorkloadKey>),
}

/// Checks tokens.
pub trait Authenticate: Send + Sync + 'static {
    /// Returns who `token`, which came from an address, proves its bearer to be.
    ///
    /// # Errors
    /// [`Refusal::Token`] with the reason; [`Refusal::NotNow`] where the same token may pass later (its pod is
    /// not known yet, or keys cannot be fetched).
    fn authenticate<'a>(&'a self, token: &'a str, from: IpAddr) -> BoxFuture<'a, Result<Caller, Refusal>>;
}

/// The bearer token of a call, if it has one.
///
/// # Errors
/// If what it has is no bearer token.
pub(crate) fn bearer(authorization: Option<&HeaderValue>) -> Result<Option<&str>, Refusal> {
    let Some(value) = authorization else { return Ok(None) };
    let text = value.to_str().map_err(|_| Refusal::NotBearer)?;
    let (scheme, token) = text.split_once(' ').ok_or(Refusal::NotBearer)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
        return Err(Refusal::NotBearer);
    }
    Ok(Some(token.trim()))
}

/// Returns who opens a stream: the owner of the connection's certificate, else the bearer of the token.
pub(crate) async fn caller(
    peer: &Peer,
    authorization: Option<&HeaderValue>,
    tokens: &dyn Authenticate,
    now: SystemTime,
) -> Result<Caller, Refusal> {
    match &peer.leaf {
        Some(leaf) => by_leaf(leaf, now),
        None => by_token(peer, bearer(authorization)?.ok_or(Refusal::Anonymous)?, tokens).await,
    }
}

/// The bearer of a token. Its connection is as good from then on as one that began with a certificate.
pub(crate) async fn by_token(peer: &Peer, token: &str, tokens: &dyn Authenticate) -> Result<Caller, Refusal> {
    let caller = tokens.authenticate(token, peer.address.ip()).await?;
    peer.standing.prove(&caller.identity)?;
    Ok(caller)
}

/// A connection may outlive the certificate that opened it; its streams may not.
fn by_leaf(leaf: &Leaf, now: SystemTime) -> Result<Caller, Refusal> {
    if now >= leaf.not_after {
        return Err(Refusal::Expired);
    }
    Ok(Caller {
        identity: leaf.identity.clone(),
        proof: Proof::Certificate(leaf.trust_domain.clone()),
        uid: None,
        expires: leaf.not_after,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[track_caller]
    fn check(value: Option<&str>, want: Result<Option<&str>, Refusal>) {
        let value = value.map(|value| value.parse().unwrap());
        assert_eq!(bearer(value.as_ref()), want);
    }

    #[test]
    fn a_token_comes_as_a_bearer_token() {
        check(Some("Bearer abc"), Ok(Some("abc")));
        check(Some("bearer  abc "), Ok(Some("abc")));
        check(Some("Basic abc"), Err(Refusal::NotBearer));
        check(Some("Bearer"), Err(Refusal::NotBearer));
        check(Some("Bearer "), Err(Refusal::NotBearer));
        check(None, Ok(None));
    }

    #[test]
    fn a_certificate_that_expired_since_its_handshake_opens_no_stream() {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let identity = Identity::new("shop", "web").unwrap();
        let leaf = Leaf { trust_domain: "td".into(), identity, not_after: end };
        assert_eq!(by_leaf(&leaf, end), Err(Refusal::Expired));
        assert!(by_leaf(&leaf, end - Duration::from_secs(1)).is_ok());
    }
}

//! The caller: the claims of a bound token, verified locally.
//!
//! Two kinds, one check: ServiceAccount tokens of a Kubernetes API server, and tokens that Heddle issues
//! itself where there is none ([`issue()`]). What a token claims about its pod is then compared with the
//! pod that lives now ([`Caller::check_alive`]).

mod caller;
mod claims;
mod issue;
mod jws;
mod keys;
mod review;

pub use caller::{Caller, Live, Liveness, NotAlive};
pub use issue::{Grant, TokenKey, issue};
pub use keys::{BadKeys, Keys};
pub use review::{Claimed, Reviewed, claimed};

use claims::Claims;
use heddle_model::identity::BadIdentity;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// The largest token that is looked at, in bytes. Kubernetes makes them of about 1.2 KiB.
pub const MAX_BYTES: usize = 16 * 1024;

/// The time by which the clock that wrote a token may be off.
pub const LEEWAY: Duration = Duration::from_secs(10);

/// The content that a token must have besides a good signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `iss`, exactly.
    pub issuer: String,
    /// `aud` must name one of these.
    pub audiences: BTreeSet<String>,
}

/// The reason for which a token proves nothing. Final, but for [`BadToken::UnknownKey`]: a failed check is never tried
/// elsewhere. No text repeats the token; what it claims is repeated in at most 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// Not looked at.
    #[error("token has {bytes} bytes, want at most {MAX_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not a compact JWS (RFC 7515, 7.1).
    #[error("token is not three parts of base64url, separated by dots")]
    Form,
    /// The header is not JSON, or demands what is not understood (`crit`).
    #[error("token has no header that can be understood")]
    Header,
    /// `none` among them.
    #[error("token is signed with algorithm {0:?}, want \"ES256\" or \"RS256\"")]
    Algorithm(String),
    /// It cannot be told which key to check with.
    #[error("token names no key (kid)")]
    NoKey,
    /// The issuer may have rotated its keys: fetch them again, once and not often, then check again.
    #[error("token is signed by key {0:?}, which the issuer's key set does not have")]
    UnknownKey(String),
    /// The key is there, and is for another algorithm.
    #[error("token claims algorithm {algorithm}, but key {key:?} is not for it")]
    KeyAlgorithm {
        /// The key's name.
        key: String,
        /// The algorithm claimed.
        algorithm: &'static str,
    },
    /// Somebody else signed it, or it was changed.
    #[error("token has a signature that is not of key {0:?}")]
    Signature(String),
    /// Signed, and yet no claims of a ServiceAccount.
    #[error("token has no claims of a ServiceAccount: {0}")]
    Claims(&'static str),
    /// Another cluster's.
    #[error("token is of issuer {is:?}, want {want:?}")]
    Issuer {
        /// `iss`
        is: String,
        /// The wanted value.
        want: String,
    },
    /// Meant for somebody else.
    #[error("token is for audience {is:?}, want one of {want:?}")]
    Audience {
        /// `aud`
        is: Vec<String>,
        /// One of these.
        want: BTreeSet<String>,
    },
    /// Too late.
    #[error("token expired {0:?} ago")]
    Expired(Duration),
    /// Too early: one of the clocks is wrong.
    #[error("token is not valid for another {0:?}")]
    NotYetValid(Duration),
    /// The issuer was asked, and says something else than the token.
    #[error("token claims another {0} than its issuer says")]
    Contradicted(&'static str),
    /// A ServiceAccount that cannot have an identity.
    #[error(transparent)]
    Identity(#[from] BadIdentity),
}

/// Verifies a token and says whose it is.
///
/// # Errors
/// Says why the token proves nothing. The signature is checked before any claim is believed.
pub fn check(token: &str, keys: &Keys, rules: &Rules, now: SystemTime) -> Result<Caller, BadToken> {
    let jws = parse(token)?;
    keys.verify(&jws)?;
    caller(&jws, rules, now)
}

fn parse(token: &str) -> Result<jws::Jws<'_>, BadToken> {
    if token.len() > MAX_BYTES {
        return Err(BadToken::TooLarge { bytes: token.len() });
    }
    jws::parse(token)
}

/// Returns whose the token is, if its signature is good.
fn caller(jws: &jws::Jws<'_>, rules: &Rules, now: SystemTime) -> Result<Caller, BadToken> {
    let claims: Claims = serde_json::from_slice(&jws.payload)
        .map_err(|_| BadToken::Claims("want iss, aud, exp, sub and kubernetes.io of the right types"))?;
    let expires = claims.check(rules, now)?;
    claims.caller(expires)
}

/// At most 64 characters of what came.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests;

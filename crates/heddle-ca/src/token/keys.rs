//! The public keys of a token issuer (RFC 7517).

use super::jws::{Algorithm, Jws};
use super::{BadToken, shown};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Keys that are kept of one set. API servers have one or two.
const MAX_KEYS: usize = 32;

/// The keys of one token issuer, by `kid`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<String, Key>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// An uncompressed point.
    P256(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

/// The reason for which a key set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// Not a JWK set.
    #[error("key set is not JSON with a list \"keys\" of keys that each have a \"kty\"")]
    Form,
    /// A key set, with nothing in it that could verify a token.
    #[error("key set has no key with a \"kid\" for ES256 (P-256) or RS256 (RSA of 2048 bits or more)")]
    NoUsableKey,
    /// Far too many.
    #[error("key set has {0} keys, want at most {MAX_KEYS}")]
    TooMany(usize),
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Keys {
    /// Reads a JWK set, as an API server serves it at `/openid/v1/jwks`. Keys for other algorithms or other
    /// uses are left out.
    ///
    /// # Errors
    /// If nothing is left: keep the set from before.
    pub fn from_jwks(json: &[u8]) -> Result<Self, BadKeys> {
        let Jwks { keys } = serde_json::from_slice(json).map_err(|_| BadKeys::Form)?;
        if keys.len() > MAX_KEYS {
            return Err(BadKeys::TooMany(keys.len()));
        }
        let usable: BTreeMap<_, _> = keys.iter().filter_map(usable).collect();
        if usable.is_empty() { Err(BadKeys::NoUsableKey) } else { Ok(Self(usable)) }
    }

    pub(super) fn of_point(kid: String, point: &[u8]) -> Self {
        Self([(kid, Key::P256(point.to_vec()))].into())
    }

    pub(super) fn verify(&self, jws: &Jws<'_>) -> Result<(), BadToken> {
        let Jws { algorithm, key: kid, signed, payload: _, signature } = jws;
        let key = self.0.get(kid).ok_or_else(|| BadToken::UnknownKey(shown(kid)))?;
        let good = match (key, algorithm) {
            (Key::P256(point), Algorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
            }
            (Key::Rsa { n, e }, Algorithm::Rs256) => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
            }
            (Key::P256(_), Algorithm::Rs256) | (Key::Rsa { .. }, Algorithm::Es256) => {
                return Err(BadToken::KeyAlgorithm { key: shown(kid), algorithm: algorithm.as_str() });
            }
        };
        if good { Ok(()) } else { Err(BadToken::Signature(shown(kid))) }
    }
}

fn usable(jwk: &Jwk) -> Option<(String, Key)> {
    if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return None;
    }
    let number = |text: &Option<String>| BASE64_URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
    let key = match jwk.kty.as_str() {
        "EC" if jwk.crv.as_deref() == Some("P-256") => {
            let (x, y) = (number(&jwk.x)?, number(&jwk.y)?);
            let whole = x.len() == 32 && y.len() == 32;
            whole.then(|| Key::P256([&[4], x.as_slice(), &y].concat()))?
        }
        "RSA" => {
            let (n, e) = (number(&jwk.n)?, number(&jwk.e)?);
            (n.len() >= 256).then_some(Key::Rsa { n, e })?
        }
        _ => return None,
    };
    Some((jwk.kid.clone()?, key))
}

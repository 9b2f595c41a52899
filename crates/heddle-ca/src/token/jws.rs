//! The compact form of a signed token (RFC 7515), as much of it as is accepted.

use super::{BadToken, shown};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The algorithms that are accepted. Each key is for one of them: what the token claims only has to agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Es256,
    Rs256,
}

impl Algorithm {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

/// A token taken apart; nothing of it is verified yet.
pub(super) struct Jws<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key: String,
    /// The bytes that the signature is over.
    pub(super) signed: &'a [u8],
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

pub(super) fn parse(token: &str) -> Result<Jws<'_>, BadToken> {
    let (signed, signature) = token.rsplit_once('.').ok_or(BadToken::Form)?;
    let (header, payload) = signed.split_once('.').ok_or(BadToken::Form)?;
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| BadToken::Form);
    let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
    let header: Header = serde_json::from_slice(&header).map_err(|_| BadToken::Header)?;
    if header.crit.is_some() {
        return Err(BadToken::Header);
    }
    let algorithm = Algorithm::parse(&header.alg).ok_or_else(|| BadToken::Algorithm(shown(&header.alg)))?;
    let key = header.kid.ok_or(BadToken::NoKey)?;
    Ok(Jws { algorithm, key, signed: signed.as_bytes(), payload, signature })
}

/// Writes header and claims; the caller signs the result and appends the signature with [`append`].
pub(super) fn unsigned(key: &str, claims: &serde_json::Value) -> String {
    let header = serde_json::json!({"alg": Algorithm::Es256.as_str(), "kid": key, "typ": "JWT"});
    let part = |json: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}", part(&header), part(claims))
}

pub(super) fn append(mut unsigned: String, signature: &[u8]) -> String {
    unsigned.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut unsigned);
    unsigned
}

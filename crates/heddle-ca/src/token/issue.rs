//! Tokens of our own, where there is no Kubernetes.

use super::keys::Keys;
use super::{Rules, jws};
use crate::key::BadKey;
use crate::{PrivateKey, PublicKey, bundle};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use heddle_model::{Identity, Name};
use std::time::{Duration, SystemTime};

/// The key that signs tokens of our own (ES256). No `Debug`, `Clone` or `Serialize`:
///
/// ```compile_fail
/// fn print(key: &heddle_ca::token::TokenKey) { println!("{key:?}"); }
/// ```
pub struct TokenKey {
    pair: EcdsaKeyPair,
    private: PrivateKey,
    kid: String,
}

/// The content of a token to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The bearer's identity.
    pub identity: Identity,
    /// The `ExternalWorkload` it is bound to, in the identity's namespace. (Pods get theirs from Kubernetes.)
    pub external_workload: Name,
    /// The time that it is good.
    pub lifetime: Duration,
}

impl TokenKey {
    /// A fresh key, from aws-lc's random generator.
    ///
    /// # Panics
    /// If the operating system has no randomness.
    pub fn generate() -> Self {
        Self::of(PrivateKey::generate())
    }

    /// Reads a key in PEM.
    ///
    /// # Errors
    /// Anything but one P-256 key.
    pub fn from_pem(text: &str) -> Result<Self, BadKey> {
        PrivateKey::from_pem(text).map(Self::of)
    }

    /// The key as PKCS#8 PEM, to be written to a file that only its owner reads, and nowhere else.
    pub fn secret_pem(&self) -> String {
        self.private.secret_pem()
    }

    /// Returns what verifies its tokens.
    pub fn keys(&self) -> Keys {
        Keys::of_point(self.kid.clone(), self.private.public().point())
    }

    fn of(private: PrivateKey) -> Self {
        let der = private.secret_der();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der());
        let pair = pair.expect("a P-256 key that signs certificates also signs tokens");
        let kid = kid(&private.public());
        Self { pair, private, kid }
    }
}

fn kid(key: &PublicKey) -> String {
    bundle::hex(&digest(&SHA256, key.point()).as_ref()[..8])
}

/// Issues a token that [`super::check`] takes under these rules: of their issuer, for all their audiences.
/// Good from now on.
///
/// # Panics
/// If the operating system has no randomness for the signature's nonce.
pub fn issue(key: &TokenKey, grant: &Grant, rules: &Rules, now: SystemTime) -> String {
    let claims = claims(grant, rules, now);
    let unsigned = jws::unsigned(&key.kid, &claims);
    let signature = key.pair.sign(&SystemRandom::new(), unsigned.as_bytes());
    jws::append(unsigned, signature.expect("aws-lc signs while the system has randomness").as_ref())
}

fn claims(grant: &Grant, rules: &Rules, now: SystemTime) -> serde_json::Value {
    let Grant { identity: Identity { namespace, service_account }, external_workload, lifetime } = grant;
    let from = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    serde_json::json!({
        "iss": rules.issuer,
        "aud": rules.audiences,
        "iat": from,
        "nbf": from,
        "exp": from.saturating_add(lifetime.as_secs()),
        "sub": format!("system:serviceaccount:{namespace}:{service_account}"),
        "kubernetes.io": {
            "namespace": namespace.as_str(),
            "serviceaccount": {"name": service_account.as_str()},
        },
        "heddle.dev": {"externalworkload": {"name": external_workload.as_str()}},
    })
}

//! Templates of certificates, signing, checks before a certificate leaves; and callers, by token.
//!
//! ```text
//! token ──▶ token::check ──▶ Caller.identity ──▶ Template ─┐
//! CSR   ──▶ csr::parse   ──▶ PublicKey ────────────────────┴▶ Authority::sign ──▶ (check) ──▶ Leaf
//! ```
//!
//! The two meet only here: a CSR gives a key and nothing else, a token gives an identity and nothing else.
//!
//! Pure: `now` and the random bytes of serials are arguments. Two exceptions, which cannot be otherwise with
//! any sound cryptography library: the constructors named `generate` take fresh keys from aws-lc's random
//! generator, and an ECDSA signature contains a nonce of it. Neither decides anything.

pub mod answer;
pub mod authority;
pub mod bundle;
mod certificate;
mod check;
pub mod csr;
#[cfg(test)]
mod example;
pub mod key;
pub mod leaf;
pub mod renew;
mod sign;
pub mod template;
pub mod token;

pub use answer::{Answer, BadAnswer};
pub use authority::{Authority, BadAuthority, Pair};
pub use bundle::Bundle;
pub use csr::BadRequest;
pub use key::{NotAscii, PrivateKey, PublicKey};
pub use leaf::Leaf;
pub use renew::renew_at;
pub use sign::Refused;
pub use template::{San, Template, Validity};

/// Fills a slice with random bytes: how callers lend this crate their randomness.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

//! The other end: what a certificate service answered, read before it replaces what works.

use crate::certificate::{self, BadCertificate, issued, subject, validity_of};
use crate::{Bundle, PublicKey, Validity};
use std::time::SystemTime;

/// An answer of a certificate service that can be used: the leaf is of our key, good now, and leads to one
/// of the roots that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The leaf, then its intermediates, in PEM.
    pub chain: String,
    /// The roots to trust.
    pub bundle: Bundle,
    /// From when to when the leaf is good.
    pub validity: Validity,
}

/// The reason for which an answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// A fault in the leaf or its intermediates.
    #[error("certificate chain: {0}")]
    Chain(BadCertificate),
    /// A fault in the roots.
    #[error("trust anchors: {0}")]
    Roots(BadCertificate),
    /// It certifies another key.
    #[error("the certificate is not of the key that was asked for")]
    Key,
    /// Peers would refuse it.
    #[error("certificate \"{0}\" is not signed by what follows it, nor by a trust anchor")]
    Untrusted(String),
    /// Too late or too early; perhaps by our clock only.
    #[error("the certificate is not valid now, by the clock of this machine")]
    Validity,
}

impl Answer {
    /// Reads a chain (the leaf first) and roots, both in PEM.
    ///
    /// # Errors
    /// Says what a peer would have refused. Keep what is in use, and ask again.
    pub fn read(chain: &str, roots: &str, key: &PublicKey, now: SystemTime) -> Result<Self, BadAnswer> {
        let ders = certificate::from_pem(chain).map_err(BadAnswer::Chain)?;
        let bundle = Bundle::from_pem(roots).map_err(BadAnswer::Roots)?;
        let parse = |(position, der)| certificate::parse(position, der).map_err(BadAnswer::Chain);
        let parsed = ders.iter().map(AsRef::as_ref).enumerate().map(parse).collect::<Result<Vec<_>, _>>()?;
        let (leaf, last) = (&parsed[0], &parsed[parsed.len() - 1]);
        if certificate::key_of(leaf).as_ref() != Some(key) {
            return Err(BadAnswer::Key);
        }
        if let Some(gap) = parsed.windows(2).find(|pair| !issued(&pair[1], &pair[0])) {
            return Err(BadAnswer::Untrusted(subject(&gap[0])));
        }
        let signs_last = |root: &_| certificate::parse(0, root).is_ok_and(|root| issued(&root, last));
        if !bundle.roots().iter().any(|root| signs_last(root.as_ref())) {
            return Err(BadAnswer::Untrusted(subject(last)));
        }
        let validity = validity_of(leaf);
        if !validity.holds(now) {
            return Err(BadAnswer::Validity);
        }
        let chain = ders.iter().map(|der| certificate::to_pem(der)).collect();
        Ok(Self { chain, bundle, validity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrivateKey;
    use crate::example::{DAY, authority, made, now, web};

    #[test]
    fn an_answer_is_used_only_if_peers_would_take_it() {
        let (authority, key) = (authority(), PrivateKey::generate().public());
        let leaf = authority.sign(&web(), &key, now(), &mut |serial| serial.fill(1)).expect("leaf");
        let (chain, roots) = (leaf.chain_pem().concat(), authority.bundle().pem().to_string());
        let good = Answer::read(&chain, &roots, &key, now()).expect("good");
        assert_eq!((&good.chain, good.bundle.pem()), (&chain, roots.as_str()));
        assert_eq!(good.validity, leaf.validity());

        let refused = |chain: &str, roots: &str, key, at| {
            Answer::read(chain, roots, key, at).expect_err("refused").to_string()
        };
        let stranger = PrivateKey::generate().public();
        assert_eq!(
            refused(&chain, &roots, &stranger, now()),
            "the certificate is not of the key that was asked for"
        );
        let (other, _) = made();
        let untrusted = "is not signed by what follows it, nor by a trust anchor";
        assert_eq!(
            refused(&chain, &other.certificate, &key, now()),
            format!("certificate \"CN=heddle intermediate 42020202\" {untrusted}")
        );
        assert_eq!(
            refused(&leaf.chain_pem()[0], &roots, &key, now()),
            format!("certificate \"\" {untrusted}")
        );
        let mixed = format!("{}{}", leaf.chain_pem()[0], other.certificate);
        assert_eq!(refused(&mixed, &roots, &key, now()), format!("certificate \"\" {untrusted}"));
        let clock = "the certificate is not valid now, by the clock of this machine";
        assert_eq!(refused(&chain, &roots, &key, now() + 2 * DAY), clock);
        assert_eq!(refused(&chain, &roots, &key, now() - DAY), clock);
        assert_eq!(refused("", &roots, &key, now()), "certificate chain: no certificate in it");
        assert_eq!(refused(&chain, "", &key, now()), "trust anchors: no certificate in it");
    }
}

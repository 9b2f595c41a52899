//! The time at which an intermediate is made again.

use super::{BadAuthority, INTERMEDIATE_LIFETIME};
use crate::certificate::{self, issued, validity_of};
use crate::{PublicKey, renew_at};
use std::time::SystemTime;

/// Returns the moment to make the intermediate in `signing` again under its root, both in PEM: two thirds through
/// its life, but not so early that the next one would end before it.
///
/// Returns `None` where another one would be no better: it is not directly below this root, or ends with it.
///
/// # Errors
/// If one of the two is not a certificate.
pub fn renewal(signing: &str, root: &str) -> Result<Option<SystemTime>, BadAuthority> {
    let chain = certificate::from_pem(signing).map_err(BadAuthority::Chain)?;
    let roots = certificate::from_pem(root).map_err(BadAuthority::Roots)?;
    let signing = certificate::parse(0, &chain[0]).map_err(BadAuthority::Chain)?;
    let root = certificate::parse(0, &roots[0]).map_err(BadAuthority::Roots)?;
    let (own, above) = (validity_of(&signing), validity_of(&root));
    if !issued(&root, &signing) || above.not_after <= own.not_after {
        return Ok(None);
    }
    let moment = renew_at(own.not_before, own.not_after, 0);
    let earliest = own.not_after.checked_sub(INTERMEDIATE_LIFETIME / 3).unwrap_or(SystemTime::UNIX_EPOCH);
    Ok(Some(moment.max(earliest)))
}

/// Returns whether the first certificate of `chain`, in PEM, is one of this key.
pub fn is_of(chain: &str, key: &PublicKey) -> bool {
    let Ok(chain) = certificate::from_pem(chain) else { return false };
    certificate::parse(0, &chain[0]).is_ok_and(|first| certificate::key_of(&first).as_ref() == Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{ROOT_LIFETIME, intermediate};
    use crate::example::{DAY, made, now};
    use crate::{Authority, Pair, PrivateKey};

    fn under(root: &Pair, at: SystemTime) -> Pair {
        intermediate(root, at, &mut |serial| serial.fill(7)).expect("the root is good")
    }

    #[test]
    fn an_intermediate_is_made_again_at_two_thirds_of_its_life_and_the_trust_stays() {
        let (root, below) = made();
        let moment = renewal(&below.certificate, &root.certificate).expect("read").expect("it can be");
        assert_eq!(moment, now() + INTERMEDIATE_LIFETIME * 2 / 3);
        let next = under(&root, moment);
        let (before, after) = (
            Authority::load(&root.certificate, below, moment).expect("still good"),
            Authority::load(&root.certificate, next, moment).expect("good"),
        );
        assert_eq!(before.bundle(), after.bundle());
        assert_ne!(before.key(), after.key());
        assert!(after.validity().not_after > before.validity().not_after);
    }

    #[test]
    fn an_intermediate_that_ends_with_its_root_is_left_as_it_is() {
        let (root, _) = made();
        let last = under(&root, now() + ROOT_LIFETIME - 200 * DAY);
        assert_eq!(renewal(&last.certificate, &root.certificate), Ok(None));
        let before = under(&root, now() + ROOT_LIFETIME - 400 * DAY);
        let moment = renewal(&before.certificate, &root.certificate).expect("read").expect("it can be");
        assert!(moment < now() + ROOT_LIFETIME - 35 * DAY);
    }

    #[test]
    fn a_certificate_tells_whose_it_is() {
        let (root, below) = made();
        assert!(is_of(&below.certificate, &below.key.public()));
        assert!(!is_of(&below.certificate, &root.key.public()));
        assert!(!is_of("cut short", &root.key.public()));
    }

    #[test]
    fn an_intermediate_of_another_root_is_nobodys_to_make() {
        let ((root, below), (other, _)) = (made(), made());
        assert_eq!(renewal(&below.certificate, &other.certificate), Ok(None));
        let key = PrivateKey::generate().secret_pem();
        let error = renewal(&key, &root.certificate).expect_err("no certificate").to_string();
        assert_eq!(error, "signing certificate: want PEM with nothing but \"CERTIFICATE\" blocks");
    }
}

//! Reasons for which an authority cannot be used.

use crate::certificate::{BadCertificate, subject, validity_of};
use std::time::{Duration, SystemTime};
use x509_parser::certificate::X509Certificate;

/// The reason for which an authority cannot be used. The operator must give another: trying again does not help, but for
/// [`BadAuthority::NotYetValid`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAuthority {
    /// A fault in the bundle of roots.
    #[error("trust anchors: {0}")]
    Roots(BadCertificate),
    /// A fault in the signing certificate or those above it.
    #[error("signing certificate: {0}")]
    Chain(BadCertificate),
    /// The signing certificate's key is not on P-256.
    #[error("signing certificate \"{0}\" has no P-256 key")]
    Curve(String),
    /// Key and certificate belong to different pairs.
    #[error("the private key is not that of certificate \"{0}\"")]
    KeyMismatch(String),
    /// A gap in the chain.
    #[error("certificate \"{certificate}\" is not signed by \"{issuer}\", which follows it")]
    Gap {
        /// The lower one.
        certificate: String,
        /// The next in the file.
        issuer: String,
    },
    /// The chain ends nowhere.
    #[error("certificate \"{0}\" is not signed by any of the trust anchors")]
    Untrusted(String),
    /// Too many authorities below one.
    #[error("certificate \"{subject}\" allows {allows} authorities below it, but has {has}")]
    PathLength {
        /// The certificate's subject.
        subject: String,
        /// Its limit.
        allows: u32,
        /// Their number.
        has: u32,
    },
    /// Too late.
    #[error("certificate \"{subject}\" expired {ago:?} ago")]
    Expired {
        /// The certificate's subject.
        subject: String,
        /// Since when.
        ago: Duration,
    },
    /// Too early.
    #[error("certificate \"{subject}\" is not valid for another {wait:?}")]
    NotYetValid {
        /// The certificate's subject.
        subject: String,
        /// The time that is left.
        wait: Duration,
    },
    /// A leaf signed for trial was not as it should be.
    #[error("the authority cannot sign: {0}")]
    Unusable(String),
}

impl BadAuthority {
    pub(super) fn out_of_time(certificate: &X509Certificate<'_>, now: SystemTime) -> Self {
        let (subject, validity) = (subject(certificate), validity_of(certificate));
        match validity.not_before.duration_since(now) {
            Ok(wait) if !wait.is_zero() => Self::NotYetValid { subject, wait },
            _ => {
                let ago = now.duration_since(validity.not_after).unwrap_or_default();
                Self::Expired { subject, ago }
            }
        }
    }
}

//! The identity of a workload: its ServiceAccount, as a SPIFFE ID and as a DNS name.

use crate::Name;
use std::fmt;

/// The signer of workload certificates, as Kubernetes names signers; the trust bundle of the mesh's roots is its.
pub const SIGNER: &str = "heddle.dev/workload";
/// The ConfigMap of each meshed namespace that holds the mesh's roots where no trust bundle can, as [`ROOTS_FILE`].
pub const ROOTS_CONFIG_MAP: &str = "heddle-roots";
/// The file of the mesh's roots in Pods, and their key in [`ROOTS_CONFIG_MAP`].
pub const ROOTS_FILE: &str = "roots.pem";

/// The identity of a workload within its mesh: a ServiceAccount.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The ServiceAccount's namespace.
    pub namespace: Name,
    /// The ServiceAccount's name.
    pub service_account: Name,
}

/// The reason for which a ServiceAccount cannot have an identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadIdentity {
    /// A label of the DNS name would be empty, too long or have a character that DNS does not take.
    #[error(
        "{field} {value:?} is not a DNS label (RFC 1123: at most 63 of a-z, 0-9 and '-', alphanumeric at both ends)"
    )]
    Label {
        /// `namespace` or `service account`.
        field: &'static str,
        /// The value that came.
        value: String,
    },
}

/// The reason for which a string is not the SPIFFE ID of a workload of this mesh.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSpiffeId {
    /// Not a SPIFFE ID at all.
    #[error("{0:?} does not start with \"spiffe://\"")]
    Scheme(String),
    /// The trust domain is missing.
    #[error("{0:?} has no trust domain between \"spiffe://\" and the path")]
    TrustDomain(String),
    /// The path is not a workload's.
    #[error("{id:?} has path {path:?}, want \"ns/<namespace>/sa/<service account>\"")]
    Path {
        /// The whole ID.
        id: String,
        /// Its path.
        path: String,
    },
}

impl Identity {
    /// The identity of a ServiceAccount.
    ///
    /// # Errors
    /// A name that cannot be a label of the identity's DNS name is refused: linkerd2-proxy and every TLS
    /// client know the workload by that name.
    pub fn new(namespace: impl Into<Name>, service_account: impl Into<Name>) -> Result<Self, BadIdentity> {
        let (namespace, service_account) = (namespace.into(), service_account.into());
        for (field, value) in [("namespace", &namespace), ("service account", &service_account)] {
            if !is_dns_label(value) {
                return Err(BadIdentity::Label { field, value: value.to_string() });
            }
        }
        Ok(Self { namespace, service_account })
    }

    /// `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`
    pub fn spiffe(&self, trust_domain: &str) -> String {
        format!("spiffe://{trust_domain}/ns/{}/sa/{}", self.namespace, self.service_account)
    }

    /// `<service account>.<namespace>.serviceaccount.identity.<suffix>`
    pub fn dns(&self, suffix: &str) -> String {
        format!("{}.{}.serviceaccount.identity.{suffix}", self.service_account, self.namespace)
    }

    /// Reads the trust domain and the identity of a SPIFFE ID.
    ///
    /// # Errors
    /// Says which part of the text is not as wanted.
    pub fn parse_spiffe(id: &str) -> Result<(Name, Self), BadSpiffeId> {
        let rest = id.strip_prefix("spiffe://").ok_or_else(|| BadSpiffeId::Scheme(id.into()))?;
        let (trust_domain, path) = rest.split_once('/').unwrap_or((rest, ""));
        if trust_domain.is_empty() {
            return Err(BadSpiffeId::TrustDomain(id.into()));
        }
        let bad_path = || BadSpiffeId::Path { id: id.into(), path: path.into() };
        let mut parts = path.split('/');
        let (Some("ns"), Some(namespace), Some("sa"), Some(account), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad_path());
        };
        let identity = Self::new(namespace, account).map_err(|_| bad_path())?;
        Ok((trust_domain.into(), identity))
    }
}

/// `namespace/serviceaccount`, short enough for tables and metadata.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.service_account)
    }
}

/// Returns whether a text is a DNS label (RFC 1123), in lower case.
pub fn is_dns_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    bytes.len() <= 63
        && bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
        && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, want: Result<(&str, &str), &str>) {
        let got = Identity::parse_spiffe(id).map(|(td, identity)| (td.to_string(), identity.to_string()));
        let want = want.map(|(td, identity)| (td.into(), identity.into()));
        assert_eq!(got.map_err(|e| e.to_string()), want.map_err(String::from));
    }

    #[test]
    fn a_spiffe_id_says_what_is_wrong_with_it() {
        check("spiffe://td/ns/shop/sa/web", Ok(("td", "shop/web")));
        check("https://td", Err(r#""https://td" does not start with "spiffe://""#));
        check(
            "spiffe:///ns/a/sa/b",
            Err(r#""spiffe:///ns/a/sa/b" has no trust domain between "spiffe://" and the path"#),
        );
        check("spiffe://td", Err(r#""spiffe://td" has path "", want "ns/<namespace>/sa/<service account>""#));
        let long = "spiffe://td/ns/a/sa/b/c";
        check(
            long,
            Err(&format!(r#"{long:?} has path "ns/a/sa/b/c", want "ns/<namespace>/sa/<service account>""#)),
        );
    }

    #[test]
    fn both_names_come_from_one_service_account() {
        let id = Identity::new("shop", "web").expect("valid");
        assert_eq!(id.spiffe("cluster.local"), "spiffe://cluster.local/ns/shop/sa/web");
        assert_eq!(id.dns("heddle.cluster.local"), "web.shop.serviceaccount.identity.heddle.cluster.local");
    }

    #[test]
    fn an_account_that_is_no_dns_label_is_refused_with_the_reason() {
        let text = Identity::new("shop", "web.v1").expect_err("dots").to_string();
        assert_eq!(
            text,
            "service account \"web.v1\" is not a DNS label (RFC 1123: at most 63 of a-z, 0-9 and '-', alphanumeric at both ends)"
        );
        assert!(Identity::new("shop", "a".repeat(64)).is_err());
    }
}

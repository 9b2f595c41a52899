//! A client by its name, as a condition on requests.
//!
//! Before a proxy looks for a route, it writes the client's proven name into a header, and strips what the client wrote
//! there. So one client of many can be refused, which no list of whom to admit could say.

use crate::pattern;
use heddle_model::access::Principal;
use heddle_model::fact::Mesh;
use heddle_model::http::{KeyMatch, ValueMatch};
use heddle_model::{Identity, Name};

/// The header of the client's proven name.
const HEADER: &str = "l5d-client-id";

/// Some clients with an identity of this mesh.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Clients {
    /// One ServiceAccount.
    Account(Identity),
    /// Those of a namespace.
    Namespace(Name),
    /// All.
    Mesh,
}

impl Clients {
    /// `None` where nobody of this mesh is meant: nobody else gets through the handshake.
    pub(crate) fn of(principal: &Principal, mesh: &Mesh) -> Option<Self> {
        match principal {
            Principal::Any => Some(Self::Mesh),
            Principal::Namespace(namespace) => Some(Self::Namespace(namespace.clone())),
            Principal::Account(account) => Some(Self::Account(account.clone())),
            Principal::Spiffe(id) => {
                let (trust_domain, account) = Identity::parse_spiffe(id).ok()?;
                (trust_domain == mesh.trust_domain).then_some(Self::Account(account))
            }
        }
    }

    pub(crate) fn is_within(&self, outer: &Self) -> bool {
        match (self, outer) {
            (_, Self::Mesh) => true,
            (Self::Account(account), Self::Namespace(namespace)) => account.namespace == *namespace,
            (Self::Account(one), Self::Account(other)) => one == other,
            (Self::Namespace(one), Self::Namespace(other)) => one == other,
            (Self::Namespace(_) | Self::Mesh, Self::Account(_)) | (Self::Mesh, Self::Namespace(_)) => false,
        }
    }

    /// The clients of both; `None` where there are none.
    pub(crate) fn meet(&self, other: &Self) -> Option<Self> {
        let narrower = if self.is_within(other) { self } else { other };
        (self.is_within(other) || other.is_within(self)).then(|| narrower.clone())
    }

    /// Returns what stands at the end of their names, label by label; an account has a whole name.
    pub(crate) fn suffix(&self, mesh: &Mesh) -> Option<String> {
        let all = format!("serviceaccount.identity.{}", mesh.identity_suffix);
        match self {
            Self::Account(_) => None,
            Self::Namespace(namespace) => Some(format!("{namespace}.{all}")),
            Self::Mesh => Some(all),
        }
    }

    pub(crate) fn header(&self, mesh: &Mesh) -> KeyMatch {
        let value = match (self, self.suffix(mesh)) {
            (Self::Account(account), _) => ValueMatch::Exact(account.dns(&mesh.identity_suffix).into()),
            (Self::Namespace(_) | Self::Mesh, suffix) => {
                ValueMatch::Regex(pattern::suffix(&format!(".{}", suffix.unwrap_or_default())).into())
            }
        };
        KeyMatch { name: HEADER.into(), value }
    }
}

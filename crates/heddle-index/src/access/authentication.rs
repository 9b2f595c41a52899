//! One authentication, resolved once and shared by every authorization that requires it.

use crate::status::findings::Finding;
use heddle_model::access::{Network, Principal};
use heddle_model::server::{Authentication, Client};
use heddle_model::{Diagnostic, Identity, SourceRef};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The callers of an authentication, in a mesh whose identities are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// Any of these. `None`: anyone, proven or not; empty: nobody.
    pub(crate) principals: Option<Arc<BTreeSet<Principal>>>,
    /// From any of these. `None`: from anywhere; empty: from nowhere.
    pub(crate) networks: Option<Arc<[Network]>>,
    /// The clients that are nobody of the mesh.
    pub(crate) finding: Finding,
}

/// Resolves the clients of an authentication that an object names.
pub(crate) fn resolve(object: &SourceRef, authentication: &Authentication, suffix: &str) -> Resolved {
    let Authentication { clients, networks } = authentication;
    let mut finding = Finding::default();
    let principals = clients.as_ref().map(|clients| {
        let mut principals = BTreeSet::new();
        for client in clients {
            match principal(client, suffix) {
                Ok(principal) => drop(principals.insert(principal)),
                Err(message) => drop(finding.diagnostics.insert(unknown(object, message))),
            }
        }
        Arc::new(principals)
    });
    Resolved { principals, networks: networks.as_ref().map(|networks| networks.as_slice().into()), finding }
}

fn principal(client: &Client, suffix: &str) -> Result<Principal, String> {
    match client {
        Client::Known(principal) => Ok(principal.clone()),
        Client::Dns(name) => by_dns(name, suffix)
            .ok_or_else(|| format!("{name:?} is nobody of this mesh, whose identities end in {suffix}")),
    }
}

/// Returns the principal that the DNS name of an identity means, or its end after `*.`, in a mesh whose identities end in
/// `suffix`.
fn by_dns(name: &str, suffix: &str) -> Option<Principal> {
    let all = format!("serviceaccount.identity.{suffix}");
    let Some(end) = name.strip_prefix("*.") else {
        let (account, namespace) = name.strip_suffix(&all)?.strip_suffix('.')?.split_once('.')?;
        return Identity::new(namespace, account).ok().map(Principal::Account);
    };
    if all.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')) {
        return Some(Principal::Any);
    }
    let namespace = end.strip_suffix(&all)?.strip_suffix('.')?;
    Identity::new(namespace, "default").ok().map(|identity| Principal::Namespace(identity.namespace))
}

fn unknown(object: &SourceRef, message: String) -> Diagnostic {
    Diagnostic { object: object.clone(), field: "spec".into(), reason: "UnknownIdentity", message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_an_account_a_namespace_or_everyone_of_this_mesh() {
        let account = || Identity::new("shop", "web").map(Principal::Account).ok();
        for (name, want) in [
            ("web.shop.serviceaccount.identity.linkerd.cluster.local", account()),
            (
                "*.shop.serviceaccount.identity.linkerd.cluster.local",
                Some(Principal::Namespace("shop".into())),
            ),
            ("*.serviceaccount.identity.linkerd.cluster.local", Some(Principal::Any)),
            ("*.linkerd.cluster.local", Some(Principal::Any)),
            ("*.local", Some(Principal::Any)),
            ("*.d.cluster.local", None),
            ("*.web.shop.serviceaccount.identity.linkerd.cluster.local", None),
            ("web.shop.serviceaccount.identity.other.cluster.local", None),
            ("*.shop.serviceaccount.identity.other.cluster.local", None),
            ("shop.serviceaccount.identity.linkerd.cluster.local", None),
            ("serviceaccount.identity.linkerd.cluster.local", None),
        ] {
            assert_eq!(by_dns(name, "linkerd.cluster.local"), want, "{name}");
        }
    }
}

//! One authorization with what it requires looked up: whom it admits.

use crate::attachment::Attachment;
use crate::findings::Finding;
use crate::tables::Tables;
use heddle_model::access::{Network, Peer, Principal, Rule};
use heddle_model::fact::Mesh;
use heddle_model::server::{Authentication, Client, Opens, Requirement};
use heddle_model::{Diagnostic, Identity, Kind, SourceRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An authorization, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) opens: Opens,
    /// None admits nobody.
    pub(crate) rules: Arc<[Rule]>,
    pub(crate) finding: Finding,
}

/// What authorizations are told from.
pub(crate) struct View<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) mesh: &'a Mesh,
    pub(crate) attachments: &'a BTreeMap<SourceRef, Attachment>,
}

/// What all requirements together ask of a caller: `None` asks nothing.
#[derive(Default)]
struct Asked {
    principals: Option<BTreeSet<Principal>>,
    networks: Option<Vec<Network>>,
}

impl View<'_> {
    /// Resolves an authorization. `None` for one that is not there or cannot be read.
    pub(crate) fn resolve(&self, source: &SourceRef) -> Option<Resolved> {
        let authorization = self.tables.authorization(source)?;
        let mut finding = Finding::default();
        finding.diagnostics.extend(self.missing(source, &authorization.opens));
        let mut asked = Asked::default();
        for requirement in &authorization.requires {
            let found = match requirement {
                Requirement::Here(authentication) => (source, authentication),
                Requirement::Object(object) => match self.tables.authentication(object) {
                    Some(authentication) => (object, authentication),
                    None => {
                        finding.diagnostics.insert(not_found(source, object));
                        (object, &Authentication::NOBODY)
                    }
                },
            };
            self.ask(found, &mut asked, &mut finding);
        }
        let rules = asked.into_rules();
        Some(Resolved { opens: authorization.opens.clone(), rules, finding })
    }

    /// Two requirements of one sort cannot both be said (lowering refuses them): nobody meets them.
    fn ask(&self, (object, wanted): (&SourceRef, &Authentication), asked: &mut Asked, finding: &mut Finding) {
        let Authentication { clients, networks } = wanted;
        if let Some(clients) = clients {
            let mut known = BTreeSet::new();
            for client in clients {
                match self.principal(client) {
                    Ok(principal) => drop(known.insert(principal)),
                    Err(message) => drop(finding.diagnostics.insert(nobody(object, message))),
                }
            }
            asked.principals = Some(if asked.principals.is_some() { BTreeSet::new() } else { known });
        }
        if let Some(networks) = networks {
            asked.networks = Some(if asked.networks.is_some() { Vec::new() } else { networks.clone() });
        }
    }

    fn principal(&self, client: &Client) -> Result<Principal, String> {
        match client {
            Client::Known(principal) => Ok(principal.clone()),
            Client::Dns(name) => by_dns(name, &self.mesh.identity_suffix).ok_or_else(|| {
                format!(
                    "{name:?} is nobody of this mesh, whose identities end in {}",
                    self.mesh.identity_suffix
                )
            }),
        }
    }

    /// What is wrong with what an authorization opens: it is not there.
    fn missing(&self, source: &SourceRef, opens: &Opens) -> Option<Diagnostic> {
        let message = match opens {
            Opens::Server(name) => {
                let server = SourceRef::new(Kind::Server, source.namespace.clone(), name.clone());
                self.tables
                    .server(&server)
                    .is_none()
                    .then(|| format!("there is no {server} that can be read"))
            }
            Opens::Servers(_) => None,
            Opens::Route(route) => {
                let attached = self.attachments.get(route).is_some_and(|found| !found.servers.is_empty());
                (!attached).then(|| format!("{route} is attached to no Server"))
            }
        };
        let field = "spec".to_string();
        message.map(|message| Diagnostic { object: source.clone(), field, reason: "TargetNotFound", message })
    }
}

impl Asked {
    fn into_rules(self) -> Arc<[Rule]> {
        let Self { principals, networks } = self;
        let nobody = principals.as_ref().is_some_and(BTreeSet::is_empty);
        let nowhere = networks.as_ref().is_some_and(Vec::is_empty);
        let from = match (principals, networks) {
            _ if nobody || nowhere => return Arc::new([]),
            (None, None) => Vec::new(),
            (principals, networks) => vec![Peer {
                principals: principals.unwrap_or_default(),
                networks: networks.unwrap_or_default(),
            }],
        };
        Arc::new([Rule { from, ..Rule::default() }])
    }
}

/// Whom the DNS name of an identity means, or its end after `*.`, in a mesh whose identities end in `suffix`.
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

fn not_found(source: &SourceRef, object: &SourceRef) -> Diagnostic {
    Diagnostic {
        object: source.clone(),
        field: "spec.requiredAuthenticationRefs".into(),
        reason: "AuthenticationNotFound",
        message: format!("there is no {object} that can be read; nobody is admitted"),
    }
}

fn nobody(object: &SourceRef, message: String) -> Diagnostic {
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

//! One authorization with what it requires looked up: whom it admits.

use crate::access::authentication;
use crate::routes::attachment::Attachment;
use crate::status::findings::Finding;
use crate::tables::Tables;
use heddle_model::access::{Network, Peer, Principal, Rule};
use heddle_model::fact::Mesh;
use heddle_model::server::{Opens, Requirement};
use heddle_model::{Diagnostic, Kind, SourceRef};
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

/// The input from which authorizations are resolved.
pub(crate) struct View<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) mesh: &'a Mesh,
    pub(crate) attachments: &'a BTreeMap<SourceRef, Attachment>,
    pub(crate) authentications: &'a BTreeMap<SourceRef, authentication::Resolved>,
}

/// The demands of all requirements together on a caller: `None` asks nothing.
#[derive(Default)]
struct Asked {
    principals: Option<Arc<BTreeSet<Principal>>>,
    networks: Option<Arc<[Network]>>,
}

impl View<'_> {
    /// Resolves an authorization. `None` for one that is not there or cannot be read.
    pub(crate) fn resolve(&self, source: &SourceRef) -> Option<Resolved> {
        let authorization = self.tables.authorization(source)?;
        let mut finding = Finding::default();
        finding.diagnostics.extend(self.missing(source, &authorization.opens));
        let mut asked = Asked::default();
        for requirement in &authorization.requires {
            match requirement {
                Requirement::Here(authentication) => {
                    let suffix = &self.mesh.identity_suffix;
                    let here = authentication::resolve(source, authentication, suffix);
                    asked.require(&here);
                    finding.diagnostics.extend(here.finding.diagnostics);
                }
                Requirement::Object(object) => match self.authentications.get(object) {
                    Some(authentication) => asked.require(authentication),
                    None => {
                        finding.diagnostics.insert(not_found(source, object));
                        let nobody = authentication::Resolved {
                            principals: Some(Arc::default()),
                            ..authentication::Resolved::default()
                        };
                        asked.require(&nobody);
                    }
                },
            }
        }
        let rules = asked.into_rules();
        Some(Resolved { opens: authorization.opens.clone(), rules, finding })
    }

    /// Returns what is wrong with what an authorization opens: it is not there.
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
    /// Two requirements of one sort cannot both be said (lowering refuses them): nobody meets them.
    fn require(&mut self, authentication: &authentication::Resolved) {
        let authentication::Resolved { principals, networks, finding: _ } = authentication;
        if let Some(principals) = principals {
            self.principals =
                Some(if self.principals.is_some() { Arc::default() } else { principals.clone() });
        }
        if let Some(networks) = networks {
            self.networks = Some(if self.networks.is_some() { Arc::default() } else { networks.clone() });
        }
    }

    fn into_rules(self) -> Arc<[Rule]> {
        let Self { principals, networks } = self;
        let nobody = principals.as_ref().is_some_and(|all| all.is_empty());
        let nowhere = networks.as_ref().is_some_and(|all| all.is_empty());
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

fn not_found(source: &SourceRef, object: &SourceRef) -> Diagnostic {
    Diagnostic {
        object: source.clone(),
        field: "spec.requiredAuthenticationRefs".into(),
        reason: "AuthenticationNotFound",
        message: format!("there is no {object} that can be read; nobody is admitted"),
    }
}

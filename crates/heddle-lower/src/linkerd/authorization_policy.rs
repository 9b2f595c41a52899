//! AuthorizationPolicies.

use super::authentication::account;
use super::reference::{POLICY, Reference};
use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use heddle_model::labels::Selector;
use heddle_model::server::{Authentication, Authorization, Opens, Requirement};
use heddle_model::{Kind, Name, SourceRef};

/// One whose target cannot be read opens nothing. Everything that is required must hold; where any of it cannot
/// be read, nobody is admitted.
pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<Authorization, FieldError> {
    let spec = root.need("spec")?;
    spec.only(&["targetRef", "requiredAuthenticationRefs"])?;
    let opens = opens(&spec.need("targetRef")?, notes.namespace())?;
    let required = required(&spec, notes.namespace());
    let required = notes.take(required, "it admits nobody");
    let requires = required.unwrap_or_else(|| vec![Requirement::Here(Authentication::NOBODY)]);
    Ok(Authorization { opens, requires })
}

fn opens(place: &Field<'_>, own: Name) -> Result<Opens, FieldError> {
    let reference = Reference::read(place)?;
    let name = Name::from(reference.name);
    match reference.target() {
        (POLICY, "server") => Ok(Opens::Server(name)),
        ("", "namespace") if name == own => Ok(Opens::Servers(Selector::default())),
        ("", "namespace") => Err(place.wrong(format!("{name:?} is not the policy's own namespace"))),
        (POLICY, "httproute") => Ok(Opens::Route(SourceRef::new(Kind::LinkerdHttpRoute, own, name))),
        ("gateway.networking.k8s.io", "httproute") => {
            Ok(Opens::Route(SourceRef::new(Kind::HttpRoute, own, name)))
        }
        (group, kind) => Err(place.unsupported(format!(
            "{kind:?} of group {group:?} cannot be opened, only a Server, the Namespace or an HTTPRoute"
        ))),
    }
}

/// An empty list requires nothing, as for Linkerd; there is at most one of each sort.
fn required(spec: &Field<'_>, own: Name) -> Result<Vec<Requirement>, FieldError> {
    let (mut required, mut sorts) = (Vec::new(), Vec::new());
    for place in spec.need("requiredAuthenticationRefs")?.list()? {
        let reference = Reference::read(&place)?;
        let namespace = reference.namespace(own.clone());
        let object = |kind| Requirement::Object(SourceRef::new(kind, namespace.clone(), reference.name));
        let (sort, requirement) = match reference.target() {
            (POLICY, "meshtlsauthentication") => ("identity", object(Kind::MeshTlsAuthentication)),
            (POLICY, "networkauthentication") => ("network", object(Kind::NetworkAuthentication)),
            ("", "serviceaccount") => {
                let clients = Some(vec![account(&place, namespace.clone(), reference.name)?]);
                ("identity", Requirement::Here(Authentication { clients, networks: None }))
            }
            (group, kind) => {
                return Err(place.wrong(format!(
                    "{kind:?} of group {group:?} is no MeshTLSAuthentication, NetworkAuthentication or ServiceAccount"
                )));
            }
        };
        if sorts.contains(&sort) {
            return Err(place.wrong(format!("a second {sort} is required, at most one may be")));
        }
        sorts.push(sort);
        required.push(requirement);
    }
    Ok(required)
}

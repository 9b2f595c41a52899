//! One object in; facts and diagnostics out. Kubernetes types end here.
//!
//! [`lower`] takes JSON, so that one object that a typed client could not decode costs nothing but itself.
//! It never fails: an object that cannot be read at all is [`Fact::Invalid`], and a part that cannot be
//! read takes its narrowest safe meaning and is named in a diagnostic:
//!
//! - what an Allow cannot read admits nothing, what a Deny cannot read is denied;
//! - a selection that cannot be read is the whole namespace, and then an Allow admits nothing at all;
//! - a rule of a route with a part that cannot be honoured answers 500, a backend its own share of it;
//! - a port, address or label that cannot be read is absent.
//!
//! What one object may make us keep is bounded: a list that is far too long cannot be read, nor can an object
//! whose lists are far too many.

mod access_policy;
mod access_rule;
mod alternatives;
mod diagnostics;
mod duration;
mod external_workload;
mod field;
mod inbound_policy;
mod keys;
mod limits;
mod linkerd;
mod mesh;
mod meta;
mod namespace;
mod node;
mod pod;
mod ports;
mod protocol;
mod reference_grant;
mod regex;
mod route;
mod service;
mod service_cidr;
mod slice;
#[cfg(test)]
mod tests;
mod unicast;
mod workload;

pub use field::INVALID;
pub use unicast::Loopback;

use diagnostics::Diagnostics;
use field::{Field, FieldError};
use heddle_model::fact::Invalid;
use heddle_model::{Diagnostic, Fact, Kind, Lowered, Origin, SourceRef};
use route::Form;
use serde_json::Value;

/// Returns what `object`, read as one of `kind`, says.
///
/// Does not look at `apiVersion` and `kind`: the caller knows what it watched. A namespaced object without
/// a namespace is in `default`, as for kubectl.
///
/// Loopback addresses are refused: see [`lower_from`].
pub fn lower(kind: Kind, object: &Value) -> Lowered {
    lower_from(Loopback::Refused, kind, object)
}

/// Returns what `object` of a source says that has this place for loopback addresses.
pub fn lower_from(loopback: Loopback, kind: Kind, object: &Value) -> Lowered {
    let root = Field::root(object);
    let source = meta::source(kind, object);
    let mut notes = Diagnostics::new(source.clone(), loopback);
    let fact = match meta::name(&root) {
        Ok(_) => fact(kind, &root, &mut notes),
        Err(wrong) => Err(wrong),
    };
    let fact = fact.unwrap_or_else(|wrong| {
        let message = wrong.to_string();
        notes.wrong(wrong, instead(&source));
        Fact::Invalid(Invalid { message })
    });
    Lowered { source, fact, diagnostics: notes.into_diagnostics(), meta: meta::meta(kind, object) }
}

/// Returns a diagnostic for each label and annotation of Heddle's own that means nothing on an object of this kind. The object
/// needs no name: a Pod that is being created may have none yet.
pub fn unknown_keys(kind: Kind, object: &Value) -> Vec<Diagnostic> {
    let mut notes = Diagnostics::new(meta::source(kind, object), Loopback::Refused);
    keys::check(kind, &Field::root(object), &mut notes);
    notes.into_diagnostics()
}

/// Returns what holds while an object cannot be read ([`Fact::Invalid`]).
fn instead(source: &SourceRef) -> &'static str {
    match (source.kind, &*source.name) {
        (Kind::Mesh, name) if name != "default" => Kind::Pod.spec().unreadable,
        (kind, _) => kind.spec().unreadable,
    }
}

fn fact(kind: Kind, root: &Field<'_>, notes: &mut Diagnostics) -> Result<Fact, FieldError> {
    limits::check(kind, root)?;
    keys::check(kind, root, notes);
    if kind.spec().origin == Origin::Linkerd {
        root.only(&["apiVersion", "kind", "metadata", "spec", "status"])?;
    }
    Ok(match kind {
        Kind::Namespace => Fact::Namespace(namespace::lower(root, notes)),
        Kind::Node => Fact::Node(node::lower(root, notes)),
        Kind::Pod => Fact::Workload(pod::lower(root, notes)?),
        Kind::ServiceCidr => Fact::ServiceCidr(service_cidr::lower(root, notes)?),
        Kind::Service => Fact::Service(service::lower(root, notes)?),
        Kind::EndpointSlice => Fact::Slice(slice::lower(root, notes)?),
        Kind::HttpRoute => Fact::HttpRoute(route::lower(root, Form::Http, notes)?),
        Kind::GrpcRoute => Fact::HttpRoute(route::lower(root, Form::Grpc, notes)?),
        Kind::ReferenceGrant => Fact::Grant(reference_grant::lower(root, notes)?),
        Kind::Mesh => Fact::Mesh(mesh::lower(root, notes)?),
        Kind::InboundPolicy => Fact::InboundPolicy(inbound_policy::lower(root, notes)?),
        Kind::AccessPolicy => Fact::AccessPolicy(access_policy::lower(root, notes)?),
        Kind::ExternalWorkload => Fact::Workload(external_workload::lower(root, notes)?),
        Kind::Server => Fact::Server(linkerd::server::lower(root, notes)?),
        Kind::ServerAuthorization => Fact::Authorization(linkerd::server_authorization::lower(root, notes)?),
        Kind::AuthorizationPolicy => Fact::Authorization(linkerd::authorization_policy::lower(root, notes)?),
        Kind::MeshTlsAuthentication => Fact::Authentication(linkerd::authentication::mesh_tls(root, notes)?),
        Kind::NetworkAuthentication => Fact::Authentication(linkerd::authentication::network(root, notes)?),
        Kind::LinkerdHttpRoute => Fact::HttpRoute(route::lower(root, Form::Linkerd, notes)?),
        Kind::RateLimitPolicy => Fact::RateLimit(linkerd::rate_limit::lower(root, notes)?),
        Kind::EgressNetwork => Fact::Egress(linkerd::egress::lower(root, notes)?),
        Kind::ServiceProfile => Fact::HttpRoute(linkerd::service_profile::lower(root, notes)?),
        Kind::LinkerdExternalWorkload => Fact::Workload(linkerd::external_workload::lower(root, notes)?),
    })
}

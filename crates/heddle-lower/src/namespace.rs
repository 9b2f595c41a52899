//! Namespaces.

use crate::linkerd::annotation;
use crate::meta;
use crate::notes::Notes;
use crate::place::Place;
use heddle_model::access::Posture;
use heddle_model::fact::Namespace;

/// What a posture is called, in the Mesh and on a Namespace.
pub(crate) const POSTURES: [(&str, Posture); 3] =
    [("Allow", Posture::Allow), ("Authenticated", Posture::Authenticated), ("Deny", Posture::Deny)];

pub(crate) fn lower(root: &Place<'_>, notes: &mut Notes) -> Namespace {
    let posture = meta::annotation(root, "heddle.dev/default-posture").map(|written| {
        let posture = notes.take(written.one_of(&POSTURES), "the namespace has posture Deny");
        posture.unwrap_or(Posture::Deny)
    });
    Namespace { posture, config: annotation::proxy_config(root, &[], notes) }
}

//! Namespaces.

use crate::diagnostics::Diagnostics;
use crate::field::Field;
use crate::linkerd::annotation;
use crate::meta;
use crate::workload;
use heddle_model::access::Posture;
use heddle_model::fact::Namespace;

/// The name of each posture, in the Mesh and on a Namespace.
pub(crate) const POSTURES: [(&str, Posture); 3] =
    [("Allow", Posture::Allow), ("Authenticated", Posture::Authenticated), ("Deny", Posture::Deny)];

pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Namespace {
    let posture = meta::annotation(root, "heddle.dev/default-posture").map(|written| {
        let posture = notes.take(written.one_of(&POSTURES), "the namespace has posture Deny");
        posture.unwrap_or(Posture::Deny)
    });
    Namespace {
        posture,
        uses: workload::uses(root, notes),
        config: annotation::proxy_config(root, &[], notes),
    }
}

//! Nodes.

use crate::meta;
use crate::place::Place;
use heddle_model::Name;
use heddle_model::fact::Node;

pub(crate) fn lower(root: &Place<'_>) -> Node {
    let label = |name| meta::label(root, name).filter(|value| !value.is_empty()).map(Name::from);
    Node { region: label("topology.kubernetes.io/region"), zone: label("topology.kubernetes.io/zone") }
}

//! The selection of workloads by labels.

use crate::rule;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The Pods and ExternalWorkloads of the namespace that have all of these labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new(rule::SELECTS_BY_LABELS)
        .message("matchLabels must name a label; without selector every workload is meant")
)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Labels that must all be there with these values, at least one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = {"type": "string", "maxLength": 63}))]
    pub match_labels: BTreeMap<String, String>,
}

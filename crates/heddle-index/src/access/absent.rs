//! Workloads and callers that policies name and that are not there.

use crate::access::policy;
use crate::tables::{Row, Tables};
use heddle_model::access::{Peer, Principal};
use heddle_model::fact::Covers;
use heddle_model::{Diagnostic, Fact, SourceRef};
use std::collections::BTreeSet;

/// Returns the diagnostic of a policy that covers no workload, by the field that would have to.
///
/// A policy of a whole namespace waits for workloads on purpose, and a target that is missing has a diagnostic of its own.
pub(crate) fn coverage(
    source: &SourceRef,
    row: &Row,
    resolved: Option<&policy::Resolved>,
) -> Option<Diagnostic> {
    let found_targets = resolved.is_some_and(|resolved| resolved.missing.is_empty());
    let selects = row.fact.as_inbound_policy().is_some_and(|policy| !policy.selector.is_empty());
    let (field, message) = match row.fact.as_access_policy().map(|policy| &policy.covers) {
        Some(Covers::Workloads { .. }) => NO_LABELS,
        Some(Covers::Targets(_)) if found_targets => NO_WORKLOADS,
        None if selects => NO_LABELS,
        Some(Covers::Targets(_) | Covers::Namespace) | None => return None,
    };
    let (object, field, message) = (source.clone(), field.to_string(), message.to_string());
    Some(Diagnostic { object, field, reason: "SelectsNothing", message })
}

const NO_LABELS: (&str, &str) =
    ("spec.selector", "no workload of the namespace has these labels: nothing is covered until one has");
const NO_WORKLOADS: (&str, &str) =
    ("spec.targetRefs", "no workload is behind the targets: nothing is covered until one is");

/// Returns a diagnostic for each caller that a policy names and that is not there.
///
/// ServiceAccounts are known by the workloads that run as them.
pub(crate) fn callers(tables: &Tables, source: &SourceRef, row: &Row) -> Vec<Diagnostic> {
    let absent = named(&row.fact).into_iter().filter(|principal| !tables.is_known(principal));
    let diagnostics = absent.filter_map(|principal| {
        let message = match principal {
            Principal::Namespace(name) => format!("there is no namespace {name:?}, and no workload in it"),
            Principal::Account(identity) => format!(
                "no workload runs as ServiceAccount {}/{}",
                identity.namespace, identity.service_account
            ),
            Principal::Any | Principal::Spiffe(_) => return None,
        };
        let (object, field) = (source.clone(), "spec.rules".to_string());
        Some(Diagnostic { object, field, reason: "CallerNotFound", message })
    });
    diagnostics.collect()
}

/// Returns the namespaces and ServiceAccounts that a policy's rules name.
pub(crate) fn named(fact: &Fact) -> BTreeSet<&Principal> {
    let Fact::AccessPolicy(policy) = fact else { return BTreeSet::new() };
    let peers = policy.rules.iter().flat_map(|rule| &rule.from);
    let principals = peers.flat_map(|Peer { principals, networks: _ }| principals.iter());
    principals
        .filter(|principal| matches!(principal, Principal::Namespace(_) | Principal::Account(_)))
        .collect()
}

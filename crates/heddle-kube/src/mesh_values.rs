//! The Mesh that the values of an installation state.
//!
//! Applied server-side under a manager of its own, and never by force: a field that somebody else set wins, and a condition
//! of the Mesh names it.

use crate::retry::Retry;
use heddle_api::{Mesh, MeshSpec};
use heddle_model::report::Condition;
use kube::api::{Api, Patch, PatchParams};
use kube::core::Status;
use kube::{Client, Error};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// The owner of the fields that values state.
const MANAGER: &str = "heddle-values";
/// The condition that tells whether every value counts.
const CONDITION: &str = "ValuesApplied";
/// The name of the only Mesh.
const NAME: &str = "default";
/// The interval at which the Mesh is applied again: somebody may have removed it, or given a field back.
const INTERVAL: Duration = Duration::from_secs(30);

/// The fields of `Mesh/default` that values state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeshValues(pub Map<String, Value>);

/// The reason for which the values cannot be those of this cluster's mesh.
#[derive(Debug, thiserror::Error)]
pub enum BadMeshValues {
    /// Every certificate names the trust domain, so it cannot be changed.
    #[error(
        "mesh.trustDomain of the values is {wanted:?}, and Mesh/default has {found:?}: a trust domain cannot be changed. Set \
         mesh.trustDomain to {found:?}"
    )]
    TrustDomain {
        /// The values' own.
        wanted: String,
        /// The mesh's.
        found: String,
    },
    /// The API server does not say.
    #[error("cannot read Mesh/default: {0}")]
    Unknown(#[from] Error),
}

/// Read as a whole Mesh is: a field that is unknown, or of another type, is named.
impl FromStr for MeshValues {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut unknown = Vec::new();
        let input = &mut serde_json::Deserializer::from_str(text);
        let spec: Result<MeshSpec, _> =
            serde_ignored::deserialize(input, |path| unknown.push(path.to_string()));
        spec.map_err(|error| error.to_string())?;
        match unknown.first() {
            Some(field) => Err(format!("{field} is no field of a Mesh's spec")),
            None => serde_json::from_str(text).map(Self).map_err(|error| error.to_string()),
        }
    }
}

impl MeshValues {
    /// Compares the values with the Mesh that is there, before anything depends on them.
    ///
    /// # Errors
    /// If they cannot hold, or the Mesh cannot be read.
    pub async fn check(&self, client: &Client) -> Result<(), BadMeshValues> {
        let found = Api::<Mesh>::all(client.clone()).get_opt(NAME).await?;
        let wanted = self.0.get("trustDomain").and_then(Value::as_str);
        match (wanted, found) {
            (Some(wanted), Some(mesh)) if mesh.spec.trust_domain != wanted => {
                Err(BadMeshValues::TrustDomain { wanted: wanted.into(), found: mesh.spec.trust_domain })
            }
            _ => Ok(()),
        }
    }
}

/// Keeps the Mesh as the values state it, while this replica leads. Ends when nobody changes `leads` any more.
pub async fn keep_mesh(client: Client, values: MeshValues, mut leads: watch::Receiver<bool>) {
    let meshes: Api<Mesh> = Api::all(client);
    let mut retry = Retry::new();
    while leads.wait_for(|leads| *leads).await.is_ok() {
        let pause = match applied(&meshes, &values).await {
            Ok(()) => {
                retry.reset();
                INTERVAL
            }
            Err(error) => {
                tracing::warn!(%error, "applying the values to Mesh/default failed, will retry");
                retry.next()
            }
        };
        sleep(pause).await;
    }
}

async fn applied(meshes: &Api<Mesh>, values: &MeshValues) -> Result<(), Error> {
    let mut spec = values.0.clone();
    let mut lost = BTreeMap::new();
    let mesh = loop {
        let patch = json!({
            "apiVersion": "heddle.dev/v1alpha1", "kind": "Mesh", "metadata": {"name": NAME}, "spec": spec,
        });
        let params = PatchParams::apply(MANAGER).validation_strict();
        match meshes.patch(NAME, &params, &Patch::Apply(&patch)).await {
            Ok(mesh) => break mesh,
            Err(Error::Api(status)) if status.code == 409 => {
                let conflicts = conflicts(&status);
                let before = spec.len();
                spec.retain(|field, _| !conflicts.contains_key(field));
                if spec.len() == before {
                    return Err(Error::Api(status));
                }
                lost.extend(conflicts);
            }
            Err(error) => return Err(error),
        }
    };
    tell(meshes, &mesh, &lost).await
}

/// Returns the fields of `spec` that another manager set to something else, with the API server's words.
fn conflicts(status: &Status) -> BTreeMap<String, String> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let field = |path: &str| {
        let rest = path.strip_prefix(".spec.")?;
        rest.split(['.', '[']).next().map(str::to_owned)
    };
    causes.filter_map(|cause| Some((field(&cause.field)?, cause.message.clone()))).collect()
}

fn condition(lost: &BTreeMap<String, String>) -> Condition {
    let fields: Vec<_> = lost.iter().map(|(field, why)| format!("spec.{field}: {why}")).collect();
    if fields.is_empty() {
        return Condition::new(CONDITION, true, "Applied", "every value counts".into());
    }
    let all = fields.join("; ");
    let message =
        format!("these values do not count: {all}. Take them out of the values, or out of the Mesh");
    Condition::new(CONDITION, false, "SetByOthers", message)
}

/// Puts our condition in its place among those of others.
async fn tell(meshes: &Api<Mesh>, mesh: &Mesh, lost: &BTreeMap<String, String>) -> Result<(), Error> {
    let status = serde_json::to_string(&mesh.status).map_err(Error::SerdeError)?;
    let now = jiff::Timestamp::now().as_second();
    let new = heddle_status::with_condition(Some(&status), &condition(lost), mesh.metadata.generation, now);
    let Some(status) = new else { return Ok(()) };
    if !lost.is_empty() {
        tracing::warn!(?lost, "others set fields of Mesh/default that the values state: theirs count");
    }
    let patch = json!({"metadata": {"resourceVersion": mesh.metadata.resource_version}, "status": status});
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    meshes.patch_status(NAME, &params, &Patch::Merge(&patch)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_mesh_can_state_is_named() {
        let read = |text: &str| text.parse::<MeshValues>();
        assert!(read(r#"{"trustDomain": "a.b", "egress": "Deny"}"#).is_ok());
        assert_eq!(
            read(r#"{"trustDomain": "a.b", "egres": "Deny"}"#).unwrap_err(),
            "egres is no field of a Mesh's spec"
        );
        assert!(read(r#"{"trustDomain": "a.b", "egress": "Denied"}"#).unwrap_err().contains("Denied"));
        assert!(read("{}").unwrap_err().contains("trustDomain"));
    }

    #[test]
    fn a_field_of_somebody_elses_is_named_with_its_owner() {
        let status: Status = serde_json::from_value(json!({
            "code": 409,
            "details": {"causes": [
                {"reason": "FieldManagerConflict", "field": ".spec.egress", "message": "conflict with \"kubectl-edit\""},
                {"reason": "FieldManagerConflict", "field": ".spec.addressGrants[namespace=\"a\"].cidrs", "message": "conflict with \"b\""},
            ]},
        }))
        .expect("a Status");
        let lost = conflicts(&status);
        assert_eq!(lost.keys().collect::<Vec<_>>(), ["addressGrants", "egress"]);
        let shown = condition(&lost);
        assert!(!shown.holds);
        let message = &shown.message;
        assert!(message.contains("spec.egress: conflict with \"kubectl-edit\""), "{message}");
        assert_eq!(condition(&BTreeMap::new()).reason, "Applied");
    }
}

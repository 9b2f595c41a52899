//! Objects of a YAML text, lowered.

use heddle_lower::{Loopback, lower_from};
use heddle_model::{Event, Kind, Lowered};
use serde_json::Value;

/// The objects of one text, in the order written.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Each as lowering understood it.
    pub lowered: Vec<Lowered>,
}

/// Reads and lowers every document of a text. Loopback addresses are granted, as in a folder.
///
/// # Errors
/// A text that is no YAML, or has a document of a kind that nothing lowers.
pub fn read(text: &str) -> Result<Objects, String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| error.to_string())?;
    let documents = documents.into_iter().filter(|document| !document.is_null());
    let lowered = documents.map(|document| lower_one(&document)).collect::<Result<_, _>>()?;
    Ok(Objects { lowered })
}

fn lower_one(document: &Value) -> Result<Lowered, String> {
    let text = |field: &str| document[field].as_str().unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let kind = Kind::from_manifest(api_version, kind)
        .ok_or_else(|| format!("no lowering takes {api_version} {kind}"))?;
    Ok(lower_from(Loopback::Granted, kind, document))
}

impl Objects {
    /// The objects as a source lists them at its start: one complete list of every kind.
    pub fn lists(&self) -> Vec<Event> {
        Kind::ALL.into_iter().map(|kind| Event::Replace(kind, self.of(kind))).collect()
    }

    /// The objects of one kind.
    pub fn of(&self, kind: Kind) -> Vec<Lowered> {
        self.lowered.iter().filter(|lowered| lowered.source.kind == kind).cloned().collect()
    }
}

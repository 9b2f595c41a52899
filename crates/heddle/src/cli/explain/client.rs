//! The client of a question, by its name.

use anyhow::{Context, Result, bail};
use heddle_decide::Client;
use heddle_model::{Snapshot, WorkloadKey, WorkloadKind};
use std::net::IpAddr;

/// The most names that are proposed.
const PROPOSED: usize = 3;

/// Finds the client that `--from` names.
///
/// # Errors
/// A name that no workload has, with the names that are near.
pub(super) fn client(snapshot: &Snapshot, text: &str) -> Result<Client> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Client::Outside(address));
    }
    if let Ok(key) = text.parse::<WorkloadKey>() {
        if snapshot.workloads.contains_key(&key) {
            return Ok(Client::Workload(key));
        }
        bail!("--from {text:?}: there is no such workload{}", near(snapshot, &key.namespace, &key.name));
    }
    let (namespace, name) = text
        .split_once('/')
        .with_context(|| format!("--from {text:?} is not a workload, want NAMESPACE/NAME or an address"))?;
    let found = WorkloadKind::ALL.map(|kind| WorkloadKey::new(kind, namespace, name));
    let found = found.into_iter().find(|key| snapshot.workloads.contains_key(key));
    match found {
        Some(key) => Ok(Client::Workload(key)),
        None => bail!(
            "--from {text:?}: no Pod and no ExternalWorkload of this name{}",
            near(snapshot, namespace, name)
        ),
    }
}

/// The workloads whose names are like this one, the most alike first, as the end of a message.
fn near(snapshot: &Snapshot, namespace: &str, name: &str) -> String {
    let wanted = format!("{namespace}/{name}");
    let ranked = snapshot.workloads.keys().filter_map(|key| {
        let distance = strsim::osa_distance(&wanted, &format!("{}/{}", key.namespace, key.name));
        let begins = key.namespace.as_str() == namespace && key.name.starts_with(name);
        (begins || distance <= wanted.len() / 3).then(|| (!begins, distance, key.to_string()))
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort();
    let names: Vec<String> = ranked.into_iter().take(PROPOSED).map(|(_, _, name)| name).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("; did you mean {}?", names.join(" or ")),
    }
}

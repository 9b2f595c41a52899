//! One folder, read.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]

use crate::Requests;
use heddle_index::Index;
use heddle_model::fact::{DataPlane, Fact};
use heddle_model::{Event, Snapshot};
use heddle_testkit::Objects;
use std::fs;
use std::path::{Path, PathBuf};

/// A scenario as written.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its folder.
    pub dir: PathBuf,
    /// The folder's name.
    pub name: String,
    /// The reason for which it exists.
    pub why: String,
    /// `in.yaml`, lowered.
    pub objects: Objects,
    /// `requests.yaml`
    pub requests: Requests,
}

/// Every scenario, by name.
///
/// # Panics
/// Where a file is missing or cannot be read: the text says which.
pub fn all() -> Vec<Scenario> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let entries = fs::read_dir(&root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let mut dirs: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    dirs.sort();
    dirs.into_iter().map(Scenario::read).collect()
}

impl Scenario {
    fn read(dir: PathBuf) -> Self {
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = |file: &str| {
            fs::read_to_string(dir.join(file)).unwrap_or_else(|error| panic!("{name}/{file}: {error}"))
        };
        let input = text("in.yaml");
        let why =
            input.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default().to_string();
        let objects = heddle_testkit::read(&input).unwrap_or_else(|error| panic!("{name}/in.yaml: {error}"));
        let requests = serde_saphyr::from_str(&text("requests.yaml"))
            .unwrap_or_else(|error| panic!("{name}/requests.yaml: {error}"));
        Self { name, why, objects, requests, dir }
    }

    /// The same with linkerd2-proxies in the place of those of its Envoys that are chosen by their place.
    pub fn switched(&self, is_chosen: impl Fn(usize) -> bool) -> Self {
        let mut switched = self.clone();
        let facts = switched.objects.lowered.iter_mut().map(|lowered| &mut lowered.fact);
        let planes = facts.filter_map(|fact| match fact {
            Fact::Workload(workload) => workload.plane.as_mut(),
            _ => None,
        });
        for (_, plane) in planes.enumerate().filter(|(place, _)| is_chosen(*place)) {
            *plane = DataPlane::Linkerd;
        }
        switched
    }

    /// Returns whether every proxy is an Envoy.
    pub fn is_of_envoys(&self) -> bool {
        self.snapshot().workloads.values().all(|workload| workload.plane != Some(DataPlane::Linkerd))
    }

    /// An index that was given the objects as complete lists, resolved.
    pub fn index(&self) -> Index {
        resolved(self.objects.lists())
    }

    /// The mesh of the objects.
    pub fn snapshot(&self) -> Snapshot {
        self.index().snapshot()
    }
}

/// An index after a history, resolved once at its end.
pub fn resolved(history: impl IntoIterator<Item = Event>) -> Index {
    let mut index = Index::new();
    history.into_iter().for_each(|event| index.apply(event));
    index.resolve();
    index
}

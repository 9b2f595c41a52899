//! All resources of one client.

use heddle_index::Index;
use heddle_model::Snapshot;
use heddle_proto::json::Printer;
use heddle_testkit::read;
use heddle_xds::{Capture, Client, Resource, ResourceKey, ResourceType, names, project};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Everything that one client is given.
pub(crate) struct View(pub(crate) BTreeMap<ResourceKey, Resource>);

/// The Snapshot of a YAML text.
pub(crate) fn snapshot(text: &str) -> Snapshot {
    let mut index = Index::new();
    read(text).expect("the objects can be read").lists().into_iter().for_each(|event| index.apply(event));
    let _changed = index.resolve();
    index.snapshot()
}

/// Every scenario: its name and its objects.
pub(crate) fn scenarios() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let mut all: Vec<_> = fs::read_dir(&folder)
        .expect("the scenarios are there")
        .map(|entry| entry.expect("a folder").path())
        .filter(|path| path.join("in.yaml").is_file())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path.join("in.yaml")).expect("text"))
        })
        .collect();
    all.sort();
    assert!(all.len() >= 30, "only {} scenarios in {}", all.len(), folder.display());
    all
}

/// Clients of every workload, in every way that traffic is captured.
pub(crate) fn clients(snapshot: &Snapshot) -> Vec<Client> {
    let net = "127.77.0.0/16".parse().expect("a network");
    let captures = [Capture::Captured, Capture::Bound(None), Capture::Bound(Some(net))];
    let clients_of = |capture: &Capture| {
        let capture = capture.clone();
        snapshot.workloads.keys().map(move |key| Client { workload: key.clone(), capture: capture.clone() })
    };
    captures.iter().flat_map(clients_of).collect()
}

impl View {
    /// Group by group, a later one over an earlier one.
    pub(crate) fn of(client: &Client, snapshot: &Snapshot) -> Self {
        let mut all = BTreeMap::new();
        for group in client.groups(snapshot) {
            for key in names(&group, snapshot) {
                let resource = project(&group, &key, snapshot);
                let resource = resource.unwrap_or_else(|| panic!("{group:?} names {key:?} and has none"));
                all.insert(key, resource);
            }
        }
        Self(all)
    }

    /// A bootstrap that has it all in itself: endpoints within clusters, routes within listeners.
    pub(crate) fn bootstrap(&self) -> Value {
        let printer = Printer::new();
        let bodies = |ty: ResourceType| -> BTreeMap<String, Value> {
            let own = self.0.iter().filter(|(key, _)| key.ty == ty);
            own.map(|(key, resource)| {
                let mut body = printer.print(&resource.body).expect("every message within is known");
                body.as_object_mut().expect("a message").remove("@type");
                (key.name.to_string(), body)
            })
            .collect()
        };
        let (mut clusters, mut listeners) = (bodies(ResourceType::Cluster), bodies(ResourceType::Listener));
        let (endpoints, routes) = (bodies(ResourceType::Endpoint), bodies(ResourceType::Route));
        clusters.values_mut().for_each(|cluster| settle_endpoints(cluster, &endpoints));
        listeners.values_mut().for_each(|listener| settle_routes(listener, &routes));
        json!({
            "node": {"id": "test", "cluster": "test"},
            "static_resources": {
                "clusters": clusters.into_values().collect::<Vec<_>>(),
                "listeners": listeners.into_values().collect::<Vec<_>>(),
            },
        })
    }
}

/// Writes a bootstrap, and the files of certificates that it refers to.
pub(crate) fn write(folder: &Path, bootstrap: &Value) {
    let text = serde_json::to_vec_pretty(bootstrap).expect("JSON");
    fs::write(folder.join("envoy.json"), text).expect("the folder is ours");
}

fn settle_endpoints(cluster: &mut Value, endpoints: &BTreeMap<String, Value>) {
    if cluster["type"] == "EDS" {
        let name = cluster["name"].as_str().expect("a name");
        cluster["load_assignment"] = endpoints[name].clone();
        cluster["type"] = "STATIC".into();
        cluster.as_object_mut().expect("a message").remove("eds_cluster_config");
    }
}

fn settle_routes(value: &mut Value, routes: &BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            if let Some(rds) = fields.remove("rds") {
                let name = rds["route_config_name"].as_str().expect("a name");
                fields.insert("route_config".into(), routes[name].clone());
            }
            fields.values_mut().for_each(|field| settle_routes(field, routes));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| settle_routes(item, routes)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

//! The controller's admin pages.

mod objects;

use super::health::Health;
use crate::authority::Condition;
use crate::engine::{Progress, State};
use heddle_serve::admin::{LogLevel, Page, Pages};
use heddle_serve::engine::Engine;
use heddle_serve::registry::Registry;
use prometheus_client::registry::Registry as Metrics;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;
use tokio::sync::watch;

/// The source of the pages.
pub(super) struct Parts {
    pub mesh: Engine<State>,
    pub progress: watch::Receiver<Progress>,
    pub health: Arc<Health>,
    pub authority: watch::Receiver<Condition>,
    pub listen: SocketAddr,
    pub bound: Arc<AtomicBool>,
    pub log: Arc<dyn LogLevel>,
}

impl Parts {
    /// The pages.
    pub(super) fn pages(self, metrics: Arc<Metrics>, clients: Arc<Registry>) -> Pages {
        let Self { mesh, progress, health, authority, listen, bound, log } = self;
        let (ready, source) = (progress.clone(), health.clone());
        let (condition, troubles, listed) = (authority.clone(), health.clone(), progress.clone());
        let warnings = Arc::new(move || {
            let mut warnings = troubles.warnings(&listed.borrow());
            warnings.extend(condition.borrow().warnings(SystemTime::now()));
            warnings
        });
        let waiting = Arc::new(move || {
            let mut waiting = health.waiting(&ready.borrow());
            waiting.extend(authority.borrow().waiting(SystemTime::now()));
            if !bound.load(Ordering::Relaxed) {
                waiting.push(format!("the port: {listen} is not bound yet"));
            }
            waiting
        });
        let snapshot: Page = Arc::new(move |query| snapshot_page(&mesh, query));
        let watches: Page = Arc::new(move |_| Some(watches_page(&progress.borrow(), &source)));
        let debug = BTreeMap::from([("snapshot", snapshot), ("watches", watches)]);
        Pages { waiting, warnings, metrics, clients, debug, log: Some(log) }
    }
}

fn snapshot_page(mesh: &Engine<State>, query: &BTreeMap<String, String>) -> Option<Value> {
    let state = mesh.latest().ok()?;
    let snapshot = &state.snapshot;
    let Some(key) = query.get("key") else {
        return Some(json!({
            "workloads": snapshot.workloads.keys().map(ToString::to_string).collect::<Vec<_>>(),
            "services": snapshot.services.keys().map(ToString::to_string).collect::<Vec<_>>(),
            "diagnostics": objects::diagnostics(&state),
            "reports": objects::reports(&state),
        }));
    };
    let workload =
        key.parse().ok().and_then(|key| snapshot.workloads.get(&key)).map(|found| format!("{found:#?}"));
    let service = || {
        let (namespace, name) = key.split_once('/')?;
        let service = snapshot.services.get(&heddle_model::ServiceKey::new(namespace, name))?;
        let endpoints = service.ports.iter().filter_map(|port| {
            let port = heddle_model::ServicePortKey { service: service.key.clone(), port: port.number };
            snapshot.endpoints.get(&port)
        });
        Some(format!("{service:#?}\n{:#?}", endpoints.collect::<Vec<_>>()))
    };
    let text = workload.or_else(service);
    let value = text.map(|text| json!({"key": key, "value": text.lines().collect::<Vec<_>>()}));
    value.or_else(|| objects::one(&state, key))
}

fn watches_page(progress: &Progress, source: &Health) -> Value {
    let Progress { waiting, batches, objects, work: (index, catalog, answers) } = progress;
    json!({
        "kinds": objects.iter().map(|(kind, count)| json!({
            "kind": kind.to_string(), "objects": count, "listed": !waiting.contains(kind),
        })).collect::<Vec<_>>(),
        "source": source.page(),
        "batches": batches,
        "recomputed": format!("{index:?}"),
        "projections": catalog.projections,
        "encodings": catalog.encodings,
        "linkerd": {
            "topics": answers.topics,
            "projections": answers.projections,
            "editions": answers.editions,
            "wakes": answers.wakes,
        },
    })
}

//! Writing what became of the objects.

use crate::retry::Retry;
use crate::{MANAGER, object};
use futures::StreamExt as _;
use heddle_model::report::Report;
use heddle_model::{Meta, SourceRef};
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

/// The number of objects that are written at once.
const AT_ONCE: usize = 8;

/// The number of times that an object that was changed by others meanwhile is read again at once.
const CONFLICTS: u32 = 5;

/// Writes statuses: the newest wanted of each object, one at a time, as often as it takes.
///
/// Bounded by the number of objects: a newer report takes the place of an older one that was not written yet.
#[derive(Clone)]
pub struct StatusWriter {
    client: Client,
    controller: String,
    wanted: Arc<Mutex<BTreeMap<SourceRef, (Report, Meta)>>>,
    more: Arc<Notify>,
}

/// The result of one write.
enum Outcome {
    /// Nothing is left to do.
    Done,
    /// Try again.
    Failed(kube::Error),
}

impl StatusWriter {
    /// A writer for the entries of `controller` (`heddle_status::CONTROLLER`).
    pub fn new(client: Client, controller: &str) -> Self {
        Self { client, controller: controller.to_owned(), wanted: Arc::default(), more: Arc::default() }
    }

    /// Wants `report` told in the status of `source`. Cheap where the status that `meta` has says it already.
    /// `now` is in seconds since 1970.
    pub fn want(&self, source: SourceRef, report: Report, meta: Meta, now: i64) {
        let current = meta.status.as_deref();
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if heddle_status::status(&source, &report, &meta, current, &self.controller, now).is_none() {
            wanted.remove(&source);
            return;
        }
        wanted.insert(source, (report, meta));
        self.more.notify_one();
    }

    /// Returns how many objects wait for their status.
    pub fn waiting(&self) -> usize {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Writes while `leads` says so, until its sender is gone.
    pub async fn run(self, mut leads: watch::Receiver<bool>) {
        let mut retry = Retry::new();
        while leads.wait_for(|leads| *leads).await.is_ok() {
            let batch = std::mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
            if batch.is_empty() {
                tokio::select! {
                    () = self.more.notified() => {}
                    lost = leads.wait_for(|leads| !*leads) => if lost.is_err() { return },
                }
                continue;
            }
            match self.write_all(batch).await {
                0 => retry.reset(),
                failed => {
                    tracing::warn!(failed, "statuses could not be written");
                    sleep(retry.next()).await;
                }
            }
        }
    }

    /// Returns how many failed; they are wanted again, unless something newer is.
    async fn write_all(&self, batch: BTreeMap<SourceRef, (Report, Meta)>) -> usize {
        let writes = futures::stream::iter(batch).map(|(source, (report, meta))| async move {
            match self.write(&source, &report, &meta).await {
                Outcome::Done => None,
                Outcome::Failed(error) => Some((source, report, meta, error)),
            }
        });
        let failed: Vec<_> = writes.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        for (source, report, meta, error) in &failed {
            tracing::debug!(object = %source, %error, "status could not be written");
            wanted.entry(source.clone()).or_insert_with(|| (report.clone(), meta.clone()));
        }
        failed.len()
    }

    async fn write(&self, source: &SourceRef, report: &Report, meta: &Meta) -> Outcome {
        let mut conflicts = 0;
        loop {
            match self.attempt(source, report, meta).await {
                Ok(()) => return Outcome::Done,
                Err(kube::Error::Api(status)) if status.code == 404 => return Outcome::Done,
                Err(kube::Error::Api(status)) if status.code == 409 && conflicts < CONFLICTS => {
                    conflicts += 1
                }
                Err(error) => return Outcome::Failed(error),
            }
        }
    }

    /// The object, in the newest of its kind's versions that the cluster has.
    async fn read(
        &self,
        source: &SourceRef,
    ) -> Result<Option<(Api<DynamicObject>, DynamicObject)>, kube::Error> {
        for version in source.kind.spec().versions.iter().copied() {
            let api = object::within(self.client.clone(), source.kind, version, &source.namespace);
            match api.get(&source.name).await {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                object => return object.map(|object| Some((api, object))),
            }
        }
        Ok(None)
    }

    /// Reads the object and writes its status as it should be on top of what is there now: what others wrote
    /// since we looked stays, held by the resource version.
    async fn attempt(&self, source: &SourceRef, report: &Report, meta: &Meta) -> Result<(), kube::Error> {
        let Some((api, object)) = self.read(source).await? else { return Ok(()) };
        if object.metadata.uid.as_deref() != Some(&meta.uid) {
            return Ok(());
        }
        let current = object.data.get("status").map(Value::to_string);
        let now = jiff::Timestamp::now().as_second();
        let status = heddle_status::status(source, report, meta, current.as_deref(), &self.controller, now);
        let Some(status) = status else { return Ok(()) };
        let patch = json!({
            "metadata": {"resourceVersion": object.metadata.resource_version},
            "status": status,
        });
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..Default::default() };
        api.patch_status(&source.name, &params, &Patch::Merge(&patch)).await.map(drop)
    }
}

//! The log of findings: each once when it appears, so many a minute at most.

use heddle_model::{Snapshot, SourceRef};
use heddle_status::{Finding, LimitationsByObject, Severity, all_findings, findings};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// The number of findings that are logged within a [`WINDOW`].
const MOST: usize = 100;
/// The time over which findings are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// The log of findings.
#[derive(Default)]
pub(super) struct FindingLog {
    /// The state whose findings were logged; `None` until the first complete one.
    before: Option<(Snapshot, LimitationsByObject)>,
    window: Option<Instant>,
    /// The number that were logged in this window, and the number left out since that was last said.
    logged: usize,
    left_out: usize,
}

impl FindingLog {
    /// Logs what is wrong with `objects` now and was not before; at first, with all objects.
    pub(super) fn follow<'a>(
        &mut self,
        objects: impl Iterator<Item = &'a SourceRef>,
        snapshot: &Snapshot,
        limitations: &LimitationsByObject,
        now: Instant,
    ) {
        let new: BTreeSet<Finding> = match &self.before {
            None => all_findings(snapshot, limitations),
            Some((old, old_limitations)) => {
                let objects: BTreeSet<&SourceRef> = objects.collect();
                let appeared = objects.into_iter().flat_map(|object| {
                    let mut found = findings(snapshot, limitations, object);
                    let known = findings(old, old_limitations, object);
                    found.retain(|finding| !known.contains(finding));
                    found
                });
                appeared.collect()
            }
        };
        self.before = Some((snapshot.clone(), limitations.clone()));
        self.log(&new, now);
    }

    fn log(&mut self, new: &BTreeSet<Finding>, now: Instant) {
        if new.is_empty() {
            return;
        }
        if self.window.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            self.summarize();
            (self.window, self.logged) = (Some(now), 0);
        }
        let room = MOST.saturating_sub(self.logged);
        let (errors, warnings) = new.iter().partition::<Vec<_>, _>(|one| one.severity == Severity::Error);
        errors.into_iter().chain(warnings).take(room).for_each(line);
        self.left_out += new.len().saturating_sub(room);
        let already_full = room == 0;
        self.logged += new.len().min(room);
        if !already_full && self.logged == MOST {
            self.summarize();
        }
    }

    /// Says how many findings were left out since the last time.
    fn summarize(&mut self) {
        match std::mem::take(&mut self.left_out) {
            0 => {}
            count => tracing::warn!(count, "more findings, see heddle lint or /debug/snapshot"),
        }
    }
}

fn line(finding: &Finding) {
    let Finding { object, field, severity, reason, message } = finding;
    let SourceRef { kind, namespace, name } = object;
    let detail = message.as_str();
    match severity {
        Severity::Error => {
            tracing::error!(%kind, %namespace, %name, field, reason, detail, "object has an error");
        }
        Severity::Warning => {
            tracing::warn!(%kind, %namespace, %name, field, reason, detail, "object has a warning");
        }
    }
}

#[cfg(test)]
mod tests;

//! Load that runs beside a scene and counts what fails.

use super::http::Client;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Requests at a steady rate until [`Load::stop`], half over kept connections and half over new ones.
pub struct Load {
    stop: watch::Sender<bool>,
    tasks: JoinSet<Tally>,
}

/// The results of a load.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Requests sent.
    pub sent: u64,
    /// Answers 200 by the workload that answered.
    pub answered: BTreeMap<String, u64>,
    /// Everything else, by what it was.
    pub failed: BTreeMap<String, u64>,
}

impl Tally {
    /// Returns how many failed.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// The share of answers that came from `workload`, in percent.
    pub fn percent(&self, workload: &str) -> f64 {
        let all: u64 = self.answered.values().sum();
        let part = self.answered.get(workload).copied().unwrap_or(0);
        100.0 * part as f64 / all.max(1) as f64
    }

    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        for (name, count) in other.answered {
            *self.answered.entry(name).or_default() += count;
        }
        for (what, count) in other.failed {
            *self.failed.entry(what).or_default() += count;
        }
    }
}

impl Load {
    /// Starts `per_second` requests to `url`, from four workers.
    pub fn start(url: &str, per_second: u32) -> Self {
        const WORKERS: u32 = 4;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for worker in 0..WORKERS {
            let every = Duration::from_secs(1) * WORKERS / per_second.max(1);
            tasks.spawn(work(url.to_string(), every, worker % 2 == 0, stopped.clone()));
        }
        Self { stop, tasks }
    }

    /// Ends the load and counts.
    pub async fn stop(self) -> Tally {
        // No receiver left means that every worker has ended already.
        let _ = self.stop.send(true);
        let mut all = Tally::default();
        for tally in self.tasks.join_all().await {
            all.add(tally);
        }
        all
    }
}

async fn work(url: String, every: Duration, keep: bool, stopped: watch::Receiver<bool>) -> Tally {
    let mut tally = Tally::default();
    let mut client = Client::new();
    let mut tick = tokio::time::interval(every);
    while !*stopped.borrow() {
        tick.tick().await;
        if !keep {
            client = Client::new();
        }
        tally.sent += 1;
        match client.get(&url, &[]).await {
            Ok(reply) if reply.status == 200 => {
                let name = reply.seen().map_or_else(|_| "?".to_string(), |seen| seen.workload);
                *tally.answered.entry(name).or_default() += 1;
            }
            Ok(reply) => *tally.failed.entry(format!("{} {}", reply.status, reply.text())).or_default() += 1,
            Err(error) => *tally.failed.entry(format!("{error:#}")).or_default() += 1,
        }
    }
    tally
}

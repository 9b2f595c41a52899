//! Many requests, counted.

use crate::caller::{Address, Caller};
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Asks until the time is up.
pub(crate) async fn run(address: &Address, time: Duration, callers: u64) -> Result<Value> {
    let end = Instant::now() + time;
    let mut all = JoinSet::new();
    for _ in 0..callers {
        let mut caller = Caller::new(address);
        all.spawn(async move {
            let (mut sent, mut failures) = (0_u64, BTreeMap::<String, u64>::new());
            while Instant::now() < end {
                sent += 1;
                if let Err(error) = caller.ask().await {
                    *failures.entry(format!("{error:#}")).or_default() += 1;
                }
            }
            (sent, failures)
        });
    }
    let (mut sent, mut failures) = (0, BTreeMap::<String, u64>::new());
    while let Some(caller) = all.join_next().await {
        let (more, failed) = caller?;
        sent += more;
        for (text, count) in failed {
            *failures.entry(text).or_default() += count;
        }
    }
    Ok(json!({"sent": sent, "failed": failures.values().sum::<u64>(), "failures": failures}))
}

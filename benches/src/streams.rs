//! What linkerd2-proxies' streams cost: memory of an idle one, and how soon a change reaches them.
//!
//! Each case is a process of its own, which serves over TLS on loopback and starts the clients as its child: memory is
//! the server's alone, and what one case allocated is not reused by the next.

mod client;
mod floor;
mod link;
mod server;

pub(crate) use client::run as clients;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use link::{Clients, Plan};
use server::Server;
use std::time::{Duration, SystemTime};
use tokio::runtime::Runtime;

/// Services of the mesh, of ten Pods each.
const SERVICES: usize = 100;
/// Changes whose way is timed.
const FLIPS: usize = 200;
/// Between two changes.
const PAUSE: Duration = Duration::from_millis(50);
/// Connections of the memory cases, and streams on each.
const CONNECTIONS: usize = 100;
const EACH: usize = 100;

/// One measurement.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Case {
    /// Idle streams of a gRPC server that does nothing: what tonic, hyper and h2 cost
    Floor,
    /// Idle streams of ours
    Memory,
    /// A change to 300 proxies
    Reach300,
    /// A change to 1,000 proxies
    Reach1000,
}

/// Measures everything, each in a process of its own.
pub(crate) fn measure_all() -> Result<()> {
    println!(
        "{} services of 10 pods; clients on the same {} cores",
        SERVICES,
        std::thread::available_parallelism()?
    );
    for case in Case::value_variants() {
        let name = case.to_possible_value().context("a case has a name")?;
        let mut command = std::process::Command::new(std::env::current_exe()?);
        let status = command.args(["stream-case", name.get_name()]).status()?;
        if !status.success() {
            bail!("{} ended with {status}", name.get_name());
        }
    }
    Ok(())
}

/// Measures one case in this process.
pub(crate) fn measure(case: Case) -> Result<()> {
    Runtime::new()?.block_on(async {
        match case {
            Case::Floor => {
                let plan = floor::serve(CONNECTIONS).await?;
                idle("bare tonic", plan).await
            }
            Case::Memory => {
                let server = Server::start(SERVICES).await?;
                idle("heddle", server.plan(CONNECTIONS)).await
            }
            Case::Reach300 => reach(300).await,
            Case::Reach1000 => reach(1000).await,
        }
    })
}

/// The memory of idle streams beyond that of their connections.
async fn idle(name: &str, plan: Plan) -> Result<()> {
    let mut clients = Clients::start(&plan).await?;
    clients.open(1).await?;
    let few = settled().await?;
    clients.open(EACH).await?;
    let many = settled().await?;
    let streams = CONNECTIONS * (EACH - 1);
    println!(
        "{name:>10}: {CONNECTIONS} connections {:.1} MiB, {} streams {:.1} MiB: {} bytes for each idle stream",
        mib(few),
        CONNECTIONS * EACH,
        mib(many),
        many.saturating_sub(few) / streams,
    );
    clients.stop().await
}

/// Resident bytes, once what is under way has ended.
async fn settled() -> Result<usize> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: usize = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}

/// The time that the threads of a process have run.
fn cpu(process: u32) -> Result<Duration> {
    let mut nanos = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += text.split(' ').next().context("no schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The time from an endpoint's change to its message in each of `proxies` clients, one stream on one connection each.
async fn reach(proxies: usize) -> Result<()> {
    let server = Server::start(SERVICES).await?;
    let mut clients = Clients::start(&server.plan(proxies)).await?;
    clients.open(1).await?;
    let mut taken = Vec::with_capacity(FLIPS * proxies);
    let (own, theirs) = (cpu(std::process::id())?, cpu(clients.id()?)?);
    for flip in 0..FLIPS {
        tokio::time::sleep(PAUSE).await;
        let since = SystemTime::now();
        server.flip(flip % 2 == 1).await?;
        let arrivals = clients.arrivals().await?;
        taken.extend(arrivals.iter().map(|at| at.duration_since(since).unwrap_or_default()));
    }
    let each = |spent: Duration| spent.as_secs_f64() * 1e3 / FLIPS as f64;
    let (own, theirs) = (cpu(std::process::id())? - own, cpu(clients.id()?)? - theirs);
    taken.sort();
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{proxies:>5} proxies, {FLIPS} changes: p50 {:.2} ms, p99 {:.2} ms, slowest {:.2} ms; CPU for each change: \
         server {:.2} ms, clients {:.2} ms; load {}",
        at(0.5),
        at(0.99),
        at(1.0),
        each(own),
        each(theirs),
        std::fs::read_to_string("/proc/loadavg")?.split(' ').next().unwrap_or_default(),
    );
    clients.stop().await
}

//! What a change costs, measured; and meshes to measure with.
//!
//! Prints numbers and ratios, and asserts nothing: machines are noisy.

mod envoy;
mod mesh;
mod streams;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use heddle_catalog::{Catalog, Xds};
use heddle_index::Index;
use heddle_model::{Event, Kind, WorkloadKey, WorkloadKind};
use heddle_xds::{Capture, Client};
use mesh::Mesh;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Resolve, project and encode one endpoint's flip in meshes of 100, 1,000 and 10,000 services
    Flips {
        /// Proxies that hold the whole mesh
        #[arg(long, default_value_t = 100)]
        clients: usize,
        /// Flips measured in each mesh
        #[arg(long, default_value_t = 2000)]
        flips: u32,
    },
    /// Measure linkerd2-proxies' streams: memory of 10,000 idle ones, a change's way to 300 and 1,000
    Streams,
    #[command(hide = true)]
    StreamCase { case: streams::Case },
    #[command(hide = true)]
    StreamClients,
    /// Measure the memory of a captured Envoy as its workload dials more services (needs root: two network namespaces)
    Envoy {
        #[arg(long, default_value_t = 1000)]
        services: usize,
        /// Workloads behind each service
        #[arg(long, default_value_t = 10)]
        workloads: usize,
        /// The numbers of services that have been dialled, each measured
        #[arg(long, value_delimiter = ',', default_value = "0,10,100,1000")]
        used: Vec<usize>,
        /// The program of Heddle
        #[arg(long)]
        heddle: PathBuf,
        /// The program of Envoy
        #[arg(long, env = "HEDDLE_ENVOY")]
        envoy: PathBuf,
    },
    /// Write a mesh as manifests, for `heddle controller --source dir:OUT`
    Manifests {
        #[arg(long, default_value_t = 1000)]
        services: usize,
        /// Workloads behind each service
        #[arg(long, default_value_t = 10)]
        workloads: usize,
        /// A folder, made if it is missing
        #[arg(long)]
        out: PathBuf,
    },
}

fn main() -> Result<()> {
    match Args::parse().command {
        Command::Flips { clients, flips } => measure_flips(clients, flips),
        Command::Streams => streams::measure_all(),
        Command::StreamCase { case } => streams::measure(case),
        Command::StreamClients => streams::clients(),
        Command::Envoy { services, workloads, used, heddle, envoy } => {
            envoy::measure(&Mesh { services, workloads }, &used, &envoy::Programs { heddle, envoy })
        }
        Command::Manifests { services, workloads, out } => {
            std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
            let mesh = Mesh { services, workloads };
            std::fs::write(out.join("mesh.yaml"), mesh.manifests()?)?;
            println!("{services} services of {workloads} workloads in {}", out.display());
            Ok(())
        }
    }
}

fn measure_flips(clients: usize, flips: u32) -> Result<()> {
    println!(
        "{:>9} {:>9} {:>12} {:>12} {:>8} {:>10}",
        "services", "pods", "first list", "a flip", "ratio", "resident"
    );
    let mut base = None;
    for services in [100, 1000, 10_000] {
        let mesh = Mesh { services, workloads: 10 };
        let mut owner = Publisher::new(&mesh, clients);
        let flip = owner.flip(&mesh, flips);
        let base = *base.get_or_insert(flip);
        println!(
            "{services:>9} {:>9} {:>9.0} ms {:>9.1} us {:>8.2} {:>6} MiB",
            services * 10,
            owner.first.as_secs_f64() * 1e3,
            flip.as_secs_f64() * 1e6,
            flip.as_secs_f64() / base.as_secs_f64(),
            resident_mib("self").unwrap_or(0),
        );
    }
    Ok(())
}

/// What the controller's one owner does, without its queue.
struct Publisher {
    index: Index,
    catalog: Catalog<Xds>,
    first: Duration,
}

impl Publisher {
    fn new(mesh: &Mesh, clients: usize) -> Self {
        let events = mesh.events();
        let mut index = Index::new();
        let mut catalog = Catalog::new(index.snapshot());
        for client in 0..clients {
            let workload = WorkloadKey::new(WorkloadKind::Pod, mesh::NAMESPACE, format!("s0-{client}"));
            catalog.join(Client { workload, capture: Capture::Captured });
        }
        let start = Instant::now();
        for event in events {
            index.apply(event);
        }
        let changed = index.resolve();
        catalog.publish(&changed, &index.snapshot());
        Self { index, catalog, first: start.elapsed() }
    }

    /// The mean of many flips of endpoints of one service after the other.
    fn flip(&mut self, mesh: &Mesh, flips: u32) -> Duration {
        let mut spent = Duration::ZERO;
        for flip in 0..flips {
            let service = (flip as usize / 2).wrapping_mul(7919) % mesh.services;
            let slice = heddle_lower::lower(Kind::EndpointSlice, &mesh.slice(service, flip % 2 == 1));
            let start = Instant::now();
            self.index.apply(Event::Set(Box::new(slice)));
            let changed = self.index.resolve();
            self.catalog.publish(&changed, &self.index.snapshot());
            spent += start.elapsed();
        }
        spent / flips
    }
}

/// The memory of a process, by its number or `self`.
fn resident_mib(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

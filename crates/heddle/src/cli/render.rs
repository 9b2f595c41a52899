//! `heddle render`: everything that one proxy is told.

use super::sidecar::For;
use crate::resources::Shown;
use crate::source::Source;
use crate::{answers, resources, world};
use anyhow::{Context, Result};
use heddle_model::WorkloadKey;
use heddle_model::fact::DataPlane;
use heddle_xds::{Capture, Client};
use std::net::SocketAddr;

/// Print the whole configuration of one workload's proxy, as the controller would send it.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  heddle render --source dir:examples/demo external/shop/web --only shop/cart:8080\n  \
        heddle render --source dir:manifests pod/shop/web-0 --dials 10.96.0.12:80\n  \
        heddle render --source dir:manifests pod/shop/web-0 --dialect linkerd --only 10.96.0.12:8080"
)]
pub(crate) struct Args {
    /// The workload: pod/NAMESPACE/NAME or external/NAMESPACE/NAME
    workload: WorkloadKey,
    /// The objects: "kubernetes" or "dir:FOLDER"
    #[arg(long, env = "HEDDLE_SOURCE", default_value = "kubernetes")]
    source: Source,
    /// For which proxy; the workload's own if it has one, else Envoy
    #[arg(long, value_enum)]
    dialect: Option<For>,
    /// The capture by which traffic reaches an Envoy: captured, bound, or bound:NETWORK
    #[arg(long, default_value = "captured")]
    capture: Capture,
    /// Only resources of this name; for linkerd2-proxy the answer about this port of its own, this address, or
    /// this name of a Service
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Only what an Envoy whose traffic is captured is told that dials this, IP:PORT, and before it dials anything; may be
    /// repeated. Without it everything is printed that it would be told if it dialled all Services
    #[arg(long, value_name = "IP:PORT", conflicts_with = "only")]
    dials: Vec<SocketAddr>,
    /// The output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Output {
    #[default]
    Yaml,
    Json,
}

/// Prints it.
pub(crate) async fn run(args: Args) -> Result<()> {
    let world = world::load(&args.source).await?;
    let found = world.snapshot.workloads.get(&args.workload);
    let workload = found.with_context(|| format!("there is no workload {}", args.workload))?;
    workload
        .identity
        .as_ref()
        .with_context(|| format!("{} has no identity, so no configuration", args.workload))?;
    let own = match workload.plane {
        Some(DataPlane::Linkerd) => For::Linkerd,
        Some(DataPlane::Envoy) | None => For::Envoy,
    };
    let page = match args.dialect.unwrap_or(own) {
        For::Linkerd => answers::of(&args.workload, &world.snapshot, args.only.as_deref())?,
        For::Envoy => {
            let client = Client { workload: args.workload, capture: args.capture };
            let shown = match args.only {
                Some(name) => Shown::Only(name),
                None if args.dials.is_empty() => Shown::Everything,
                None => Shown::Dialled(args.dials),
            };
            resources::of(&client, &world.snapshot, &shown)?
        }
    };
    match args.output {
        Output::Json => super::print(&format!("{page:#}\n")),
        Output::Yaml => super::print(&serde_saphyr::to_string(&page)?),
    }
}

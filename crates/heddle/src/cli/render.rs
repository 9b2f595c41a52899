//! `heddle render`: everything that one proxy is told.

use super::sidecar::For;
use crate::source::Source;
use crate::{answers, resources, world};
use anyhow::{Context, Result};
use heddle_model::WorkloadKey;
use heddle_model::fact::DataPlane;
use heddle_xds::{Capture, Client};

/// Print the whole configuration of one workload's proxy, as the controller would send it.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  heddle render --source dir:examples/demo external/shop/web --only shop/cart:8080\n  \
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
    let only = args.only.as_deref();
    let page = match args.dialect.unwrap_or(own) {
        For::Linkerd => answers::of(&args.workload, &world.snapshot, only)?,
        For::Envoy => {
            let client = Client { workload: args.workload, capture: args.capture };
            resources::of(&client, &world.snapshot, only)?
        }
    };
    match args.output {
        Output::Json => super::print(&format!("{page:#}\n")),
        Output::Yaml => super::print(&serde_saphyr::to_string(&page)?),
    }
}

//! `cargo run -p xtask -- TASK`

use anyhow::{Result, bail};
use std::path::Path;
use xtask::generated::Generated;
use xtask::{binaries, crds, docs, gateway, proto, values};

const USAGE: &str = "usage: xtask generate [proto | gateway | crds | chart | docs]
       xtask fetch gateway     the Gateway API's CRDs, from the Go module
       xtask binaries          the programs of the tests: Kubernetes, containerd and others, and ours as static programs";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let workspace = xtask::workspace()?;
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["generate"] => ["proto", "gateway", "crds", "chart", "docs"]
            .iter()
            .try_for_each(|what| generate(&workspace, what)),
        ["generate", what] => generate(&workspace, what),
        ["fetch", "gateway"] => write(&workspace, "gateway", &gateway::fetch()?),
        ["binaries"] => binaries::build(&workspace),
        _ => bail!(USAGE),
    }
}

fn generate(workspace: &Path, what: &str) -> Result<()> {
    let all = match what {
        "proto" => vec![proto::generate(workspace)?],
        "gateway" => vec![gateway::generate(workspace)?],
        "crds" => vec![crds::manifests()?, crds::chart()?, crds::rights()],
        "chart" => vec![values::chart()?],
        "docs" => vec![docs::generate()?, values::reference()?],
        _ => bail!(USAGE),
    };
    all.iter().try_for_each(|generated| write(workspace, what, generated))
}

fn write(workspace: &Path, what: &str, generated: &Generated) -> Result<()> {
    println!("{what}: {} files changed", generated.write(workspace)?);
    Ok(())
}

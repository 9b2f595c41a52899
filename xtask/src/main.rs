//! `cargo run -p xtask -- TASK`

use anyhow::{Result, bail};
use std::path::Path;
use xtask::generated::Generated;

const USAGE: &str = "usage: xtask generate [proto | gateway]
       xtask fetch gateway     (the Gateway API's CRDs, from the Go module)";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let workspace = xtask::workspace()?;
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["generate"] => ["proto", "gateway"].iter().try_for_each(|what| generate(&workspace, what)),
        ["generate", what] => generate(&workspace, what),
        ["fetch", "gateway"] => write(&workspace, "gateway", &xtask::gateway::fetch()?),
        _ => bail!(USAGE),
    }
}

fn generate(workspace: &Path, what: &str) -> Result<()> {
    let generated = match what {
        "proto" => xtask::proto::generate(workspace)?,
        "gateway" => xtask::gateway::generate(workspace)?,
        _ => bail!(USAGE),
    };
    write(workspace, what, &generated)
}

fn write(workspace: &Path, what: &str, generated: &Generated) -> Result<()> {
    println!("{what}: {} files changed", generated.write(workspace)?);
    Ok(())
}

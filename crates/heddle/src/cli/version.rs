//! `heddle version`: what this is, and what it speaks.

use super::output::Output;
use anyhow::Result;

/// Print the version, and the versions of what it speaks.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Prints it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    match args.output {
        Output::Text => super::print(&format!("heddle {version}\nxDS v3, Gateway API v1.7, Envoy 1.40\n")),
        Output::Json => {
            let value = serde_json::json!({
                "apiVersion": "cli.heddle.dev/v1", "version": version, "xds": "v3", "gatewayApi": "1.7", "envoy": "1.40",
            });
            super::print(&format!("{value:#}\n"))
        }
    }
}

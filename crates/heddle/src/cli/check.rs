//! `heddle check`: whether a cluster can have Heddle, and how it is there.

mod facts;
mod rules;

use anyhow::Result;
use facts::Facts;
use rules::{Level, Line};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Check a cluster before or after Heddle is installed in it.
///
/// Each line has the outcome, a code for scripts, what was found, and what mends it. Nothing is changed.
/// Exits with 0, or with 1 where something does not work or the cluster cannot be read.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    heddle check\n  \
    heddle check --proxy -o json\n  \
    heddle check --uninstall")]
pub(crate) struct Args {
    /// The namespace of the controller
    #[arg(short, long, default_value = super::NAMESPACE)]
    namespace: String,
    /// Check the proxies of all Pods too, and name the Pods that should be restarted
    #[arg(long)]
    proxy: bool,
    /// Check instead whether Heddle can be uninstalled: no Pod may have its proxy
    #[arg(long, conflicts_with = "proxy")]
    uninstall: bool,
    /// The output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Output {
    #[default]
    Text,
    /// Only what is not as it should be
    Short,
    Json,
}

/// Prints the lines.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let client = crate::cluster::connect().await?;
    let mut facts = Facts::ask(&client, &args.namespace).await?;
    if args.proxy || args.uninstall {
        facts.ask_pods(&client).await?;
    }
    let mut lines =
        if args.uninstall { rules::uninstall(&facts) } else { rules::installation(&facts, &args.namespace) };
    if args.proxy {
        lines.extend(rules::proxies(&facts, &args.namespace));
    }
    let text = match args.output {
        Output::Text => lines.iter().map(text).collect(),
        Output::Short => lines.iter().filter(|line| line.level != Level::Ok).map(text).collect(),
        Output::Json => format!("{:#}\n", page(&lines)),
    };
    super::print(&text)?;
    let fails = lines.iter().any(|line| line.level == Level::Error);
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

fn text(line: &Line) -> String {
    let Line { category, code, level, found, fix } = line;
    let mend = if fix.is_empty() { String::new() } else { format!("{:9}do: {fix}\n", "") };
    format!("{:8} {code} {category}: {found}\n{mend}", word(*level))
}

fn page(lines: &[Line]) -> Value {
    let checks: Vec<Value> = lines
        .iter()
        .map(|Line { category, code, level, found, fix }| {
            json!({"category": category, "code": code, "level": word(*level), "found": found, "fix": fix})
        })
        .collect();
    json!({"apiVersion": "cli.heddle.dev/v1", "kind": "Checks", "checks": checks})
}

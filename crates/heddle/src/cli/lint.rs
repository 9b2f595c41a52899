//! `heddle lint`: what is wrong with the objects of a folder or a cluster.

mod line;

use super::output::Output;
use crate::source::Source;
use crate::world::{self, LoadError, World};
use anyhow::Result;
use heddle_dir::{DirError, Positions};
use heddle_status::{Severity, all_findings};
use line::Line;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

/// Check the objects of a folder or a cluster for mistakes.
///
/// Resolves all objects once, with the engine of the controller, and prints what it would say of them on statuses
/// and in its log: parts that cannot be read, targets and backends that are not there, policies that conflict, and
/// what a proxy cannot enforce. An error is something that was written and does not hold; a warning holds, but may
/// not be what was meant.
///
/// Each finding is one line: FILE:LINE (of a folder), the severity, the object, its field, the message and the reason.
/// Exits with 0, or with 1 where there are errors (with --strict also where there are warnings) or the source cannot
/// be read. Of a folder that has objects which an API server would refuse, only these are printed. Kinds of a folder that
/// Heddle does not read are named on the standard error, and in JSON under passedOver.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    heddle lint --source dir:manifests\n  \
    heddle lint --source dir:manifests --strict -o json\n  \
    heddle lint --namespace shop")]
pub(crate) struct Args {
    /// The objects: "kubernetes" or "dir:FOLDER"
    #[arg(long, env = "HEDDLE_SOURCE", default_value = "kubernetes")]
    source: Source,
    /// Only objects of this namespace
    #[arg(short, long)]
    namespace: Option<String>,
    /// Exit with 1 where there are warnings too
    #[arg(long)]
    strict: bool,
    /// The output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Prints the findings.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let Args { source, namespace, strict, output } = args;
    let (mut lines, passed_over) = match world::load(&source).await {
        Ok(world) => (found(&world, &source), world.passed_over),
        Err(LoadError::Folder { folder, errors }) => (refused(&folder, &errors), BTreeSet::new()),
        Err(error @ LoadError::Cluster(_)) => return Err(error.into()),
    };
    if let Some(namespace) = namespace {
        lines.retain(|line| line.namespace.as_deref().is_none_or(|own| own == namespace));
    }
    lines.sort();
    let count = |severity| lines.iter().filter(|line| line.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match output {
        Output::Text => {
            let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            super::print(&lines.iter().map(|line| line.text(colour)).collect::<String>())?;
            eprintln!("{}, {}", number(errors, "error"), number(warnings, "warning"));
        }
        Output::Json => {
            let page = json!({
                "apiVersion": "cli.heddle.dev/v1",
                "kind": "Findings",
                "errors": errors,
                "warnings": warnings,
                "findings": lines.iter().map(Line::json).collect::<Vec<_>>(),
                "passedOver": passed_over,
            });
            super::print(&format!("{page:#}\n"))?;
        }
    }
    let failed = errors > 0 || (strict && warnings > 0);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn number(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

fn found(world: &World, source: &Source) -> Vec<Line> {
    let mut positions = match source {
        Source::Directory(folder) => Some(Positions::new(folder)),
        Source::Kubernetes => None,
    };
    let all = all_findings(&world.snapshot, world.limitations.by_object());
    let lines = all.iter().map(|finding| {
        let origin = world.origin(&finding.object);
        let place = positions.as_mut().zip(origin);
        Line::of_finding(
            finding,
            place.and_then(|(positions, origin)| positions.find(origin, &finding.field)),
        )
    });
    lines.collect()
}

fn refused(folder: &Path, errors: &[DirError]) -> Vec<Line> {
    errors.iter().map(|error| Line::of_error(folder, error)).collect()
}

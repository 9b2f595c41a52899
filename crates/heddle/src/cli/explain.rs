//! `heddle explain`: why a request goes where it goes.

mod client;
mod destination;
mod json;
mod notes;
mod question;

use super::output::Output;
use crate::source::Source;
use crate::world;
use anyhow::Result;
use heddle_decide::verdict::{Admission, Outcome, ShareTarget};
use heddle_decide::{Verdict, decide, explain};
use std::process::ExitCode;

/// Explain what happens to a request, and which field of which object decides it.
///
/// Nothing is sent: the answer is computed by the same function that every data plane is held against.
/// Exits with 0 if the request can succeed, with 2 if it is refused, denied or answered with an error.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    heddle explain --from shop/web --to shop/cart:8080 --path /items\n  \
    heddle explain --source dir:manifests --from pod/shop/web-0 --to 10.96.0.12:80 --header x-canary=yes -o json")]
pub(crate) struct Args {
    /// The objects: "kubernetes" or "dir:FOLDER"
    #[arg(long, env = "HEDDLE_SOURCE", default_value = "kubernetes")]
    source: Source,
    #[command(flatten)]
    question: question::Question,
    /// The output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Prints the verdict.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let world = world::load(&args.source).await?;
    let request = args.question.ask(&world.snapshot)?;
    let verdict = decide(&world.snapshot, &request);
    let notes = notes::notes(&world, &verdict);
    match args.output {
        Output::Text => super::print(&format!("{}{}", explain(&verdict), notes::text(&notes)))?,
        Output::Json => super::print(&format!("{:#}\n", json::verdict(&verdict, &notes)))?,
    }
    Ok(if can_succeed(&verdict) { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// Returns whether some share of such requests reaches an application.
fn can_succeed(verdict: &Verdict) -> bool {
    match &verdict.outcome {
        Outcome::PassedThrough => true,
        Outcome::Refused { .. } | Outcome::Answered { .. } => false,
        Outcome::Forwarded(forward) => forward.shares.iter().any(|share| match &share.to {
            ShareTarget::Broken { .. } => false,
            ShareTarget::Endpoints { candidates, .. } => {
                candidates.iter().any(|candidate| match candidate.admission {
                    Admission::Allowed(_) | Admission::Unenforced { .. } => true,
                    Admission::Denied(_) | Admission::Answered { .. } | Admission::Refused { .. } => false,
                })
            }
        }),
    }
}

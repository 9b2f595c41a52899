//! Recording what the proxies of a stage asked, and what they are told.

use crate::proxy::Controller;
use crate::scenes::CAST;
use crate::stage::Stage;
use crate::transcript::{self, Asking, Question};
use anyhow::{Context, Result, ensure};
use heddle::cli::SERVER_NAME;
use std::collections::BTreeSet;
use std::path::Path;

/// Asks what the proxies asked, each question once, and writes the answers to a file.
///
/// # Errors
/// If they asked nothing, or something is not answered.
pub fn record(stage: &Stage, to: &Path) -> Result<usize> {
    let questions: BTreeSet<Question> = transcript::questions(&stage.log()?);
    ensure!(!questions.is_empty(), "the controller's log tells of no question");
    let controller = Controller {
        address: stage.setting.controller().parse()?,
        name: SERVER_NAME.into(),
        roots: std::fs::read(stage.setting.state().join("roots.pem"))?,
    };
    let token = |who: &str| {
        let actor = CAST.iter().find(|actor| actor.workload() == who);
        let actor = actor.with_context(|| format!("{who} is not of the cast"))?;
        Ok((stage.setting.token(*actor, &stage.setting.folder.join("recorder"))?, actor.dns()))
    };
    let asking = Asking { controller: &controller, manifests: &stage.manifests, token: &token };
    let steps = stage.block_on(transcript::play(&asking, &questions, None))?;
    std::fs::write(to, serde_saphyr::to_string(&steps)?)?;
    Ok(questions.len())
}

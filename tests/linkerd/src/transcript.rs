//! Questions of real linkerd2-proxies, and the answers as the mesh changed: recorded once, and held ever since.

use crate::manifests::Manifests;
use crate::proxy::{Controller, Credential, Heard, Proxy};
use crate::story::STORY;
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::timeout;

/// The time that an answer may take, and for which silence is listened to where nothing says what comes.
const PATIENCE: Duration = Duration::from_secs(30);
const SILENCE: Duration = Duration::from_secs(2);

/// A question as a proxy asked it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Question {
    /// The workload, as `context_token`, `workload` or `source_workload` named it.
    pub who: String,
    /// By the name of the method.
    pub method: String,
    /// A path, a port or an address.
    pub asked: String,
}

/// The answers after a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The change.
    pub after: String,
    /// The answers that came then; questions without one are left out.
    pub heard: Vec<Answers>,
}

/// The answers to one question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    /// The question.
    pub question: Question,
    /// Each message, and in the end how the stream ended.
    pub messages: Vec<Value>,
}

/// The controller, the callers and the manifests.
pub struct Asking<'a> {
    /// The controller.
    pub controller: &'a Controller,
    /// The manifests that the controller reads.
    pub manifests: &'a Manifests,
    /// The token of a workload, and the name of its identity.
    pub token: &'a (dyn Fn(&str) -> Result<(String, String)> + Sync),
}

/// The questions in a controller's log at level debug, each once.
pub fn questions(log: &str) -> BTreeSet<Question> {
    let question = |line: &str| {
        let (_, fields) = line.split_once(" asked workload=")?;
        let field = |name: &str| {
            let (_, rest) = fields.split_once(&format!(" {name}="))?;
            Some(rest.split(' ').next()?.trim_matches('"').to_string())
        };
        Some(Question { who: field("who")?, method: field("method")?, asked: field("asked")? })
    };
    log.lines().filter_map(question).collect()
}

/// Asks all of it, edits as [`STORY`] tells, and returns what was heard. With `wanted` as much is waited for as it tells;
/// without it until there is silence.
///
/// # Errors
/// If a question is refused, a stream ends, or what is wanted does not come.
pub async fn play(
    asking: &Asking<'_>,
    questions: &BTreeSet<Question>,
    wanted: Option<&[Step]>,
) -> Result<Vec<Step>> {
    let mut streams = open(asking, questions).await?;
    let mut steps = Vec::new();
    for (at, (after, edit)) in STORY.iter().enumerate() {
        edit(asking.manifests)?;
        let wanted = wanted.map(|steps| steps.get(at).map_or(&[][..], |step| &step.heard));
        let heard = listen(&mut streams, wanted).await.with_context(|| format!("after: {after}"))?;
        steps.push(Step { after: (*after).into(), heard });
    }
    // What nobody wanted would come now.
    let more = listen(&mut streams, None).await?;
    ensure!(more.is_empty(), "more was heard than was wanted: {more:?}");
    Ok(steps)
}

async fn open(asking: &Asking<'_>, questions: &BTreeSet<Question>) -> Result<BTreeMap<Question, Heard>> {
    let mut proxies: BTreeMap<&str, Proxy> = BTreeMap::new();
    let mut streams = BTreeMap::new();
    for question in questions {
        let Question { who, method, asked } = question;
        if !proxies.contains_key(who.as_str()) {
            let (token, name) = (asking.token)(who)?;
            let credential = Credential::ask(asking.controller, &name, &token).await?;
            proxies.insert(who, Proxy::connect(asking.controller, Some(&credential)).await?);
        }
        let proxy = proxies.get(who.as_str()).context("it has just been made")?;
        let stream = proxy.follow(method, who, asked).await.with_context(|| format!("{question:?}"))?;
        streams.insert(question.clone(), stream);
    }
    Ok(streams)
}

async fn listen(streams: &mut BTreeMap<Question, Heard>, wanted: Option<&[Answers]>) -> Result<Vec<Answers>> {
    let mut heard = Vec::new();
    if wanted.is_none() {
        tokio::time::sleep(SILENCE).await;
    }
    for (question, stream) in streams {
        let count = wanted.map(|all| {
            all.iter().find(|one| one.question == *question).map_or(0, |find| find.messages.len())
        });
        let messages = take(stream, count).await.with_context(|| format!("{question:?}"))?;
        if !messages.is_empty() {
            heard.push(Answers { question: question.clone(), messages });
        }
    }
    Ok(heard)
}

/// So many messages, or all that are there.
async fn take(stream: &mut Heard, count: Option<usize>) -> Result<Vec<Value>> {
    let mut messages = Vec::new();
    while count.is_none_or(|count| messages.len() < count) {
        let patience = if count.is_some() { PATIENCE } else { Duration::from_millis(1) };
        match timeout(patience, stream.next()).await {
            Ok(message) => messages.push(message),
            Err(_) if count.is_none() => break,
            Err(_) => bail!("waited {PATIENCE:?} for message {} of {count:?}", messages.len() + 1),
        }
    }
    Ok(messages)
}

//! Asking the issuer about single tokens: one after the other, not often, and not twice.

use aws_lc_rs::digest::{SHA256, digest};
use futures::future::BoxFuture;
use heddle_ca::token::Reviewed;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long an answer holds.
pub(super) const HOLDS: Duration = Duration::from_secs(10);
/// How many questions are asked in that time. A flood of made-up keys costs the issuer no more.
pub(super) const MOST: usize = 200;
/// How long one question may take, and how long it may wait for those before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The issuer of tokens, asked about one.
pub trait Review: Send + Sync + 'static {
    /// What it says of `token`, which is meant to be for one of `audiences`.
    ///
    /// # Errors
    /// Says in words why there is no answer.
    fn review<'a>(
        &'a self,
        token: &'a str,
        audiences: &'a BTreeSet<String>,
    ) -> BoxFuture<'a, Result<Answer, String>>;
}

/// What an issuer says of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is good, and this is whose it is.
    Good(Reviewed),
    /// It is not, and why in words.
    Bad(String),
}

/// Asks an issuer within bounds.
pub(super) struct Reviews {
    issuer: Box<dyn Review>,
    asked: Mutex<Asked>,
}

/// What was asked lately: at most [`MOST`] questions, so this is bounded too.
#[derive(Default)]
struct Asked {
    /// When, oldest first.
    times: VecDeque<Instant>,
    /// What was answered and when, by the digest of the token.
    answers: BTreeMap<[u8; 32], (Instant, Answer)>,
    /// Why the last question had no answer.
    trouble: Option<String>,
}

impl Reviews {
    pub(super) fn new(issuer: Box<dyn Review>) -> Self {
        Self { issuer, asked: Mutex::default() }
    }

    /// What the issuer says, or said moments ago.
    pub(super) async fn ask(&self, token: &str, audiences: &BTreeSet<String>) -> Result<Answer, String> {
        let busy = |_| "its issuer is being asked about others".to_string();
        let mut asked = timeout(PATIENCE, self.asked.lock()).await.map_err(busy)?;
        asked.forget();
        let key: [u8; 32] =
            digest(&SHA256, token.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes");
        if let Some((_, answer)) = asked.answers.get(&key) {
            return Ok(answer.clone());
        }
        if asked.times.len() >= MOST {
            return Err(format!("its issuer was asked {MOST} times within {HOLDS:?}"));
        }
        asked.times.push_back(Instant::now());
        let answer = timeout(PATIENCE, self.issuer.review(token, audiences)).await;
        let answer = answer.unwrap_or_else(|_| Err("no answer in time".to_string()));
        asked.note(answer.as_ref().err());
        let answer = answer?;
        asked.answers.insert(key, (Instant::now(), answer.clone()));
        Ok(answer)
    }
}

impl Asked {
    /// Logs a change of state only: whoever floods us with tokens must not flood the log.
    fn note(&mut self, trouble: Option<&String>) {
        if let Some(error) = trouble.filter(|error| self.trouble.as_ref() != Some(error)) {
            tracing::warn!(%error, "cannot ask the issuer about a token");
        }
        self.trouble = trouble.cloned();
    }

    fn forget(&mut self) {
        self.answers.retain(|_, (since, _)| since.elapsed() < HOLDS);
        while self.times.front().is_some_and(|since| since.elapsed() >= HOLDS) {
            self.times.pop_front();
        }
    }
}

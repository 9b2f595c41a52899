//! Asking the issuer about single tokens: a few at once, not often, not twice, and for no peer more than its share.

use aws_lc_rs::digest::{SHA256, digest};
use futures::future::BoxFuture;
use heddle_ca::token::Reviewed;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

/// The time that an answer holds.
pub(super) const HOLDS: Duration = Duration::from_secs(10);
/// The number of questions that are asked in that time. A flood of made-up keys costs the issuer no more.
pub(super) const MOST: usize = 200;
/// The number of them for one peer, so that whoever is refused again and again spends none of the others'.
pub(super) const EACH: usize = 20;
/// Questions at once: one that is not answered holds up few others.
const AT_ONCE: usize = 4;
/// The time that one question may take, and how long it may wait for those before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The issuer of tokens, asked about one.
pub trait Review: Send + Sync + 'static {
    /// Returns what it says of `token`, which is meant to be for one of `audiences`.
    ///
    /// # Errors
    /// Says in words why there is no answer.
    fn review<'a>(
        &'a self,
        token: &'a str,
        audiences: &'a BTreeSet<String>,
    ) -> BoxFuture<'a, Result<Answer, String>>;
}

/// The answer of an issuer about a token.
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
    turns: Semaphore,
    asked: Mutex<Asked>,
}

/// The questions asked lately: at most [`MOST`], so this is bounded too.
#[derive(Default)]
struct Asked {
    /// The times and the peers, oldest first.
    times: VecDeque<(Instant, IpAddr)>,
    /// The answers and their times, by the digest of the token.
    answers: BTreeMap<Digest, (Instant, Answer)>,
    /// The reason for which the last question had no answer.
    trouble: Option<String>,
}

type Digest = [u8; 32];

impl Reviews {
    pub(super) fn new(issuer: Box<dyn Review>) -> Self {
        Self { issuer, turns: Semaphore::new(AT_ONCE), asked: Mutex::default() }
    }

    /// Returns what the issuer says of a token that came from the network `from`, or said moments ago.
    pub(super) async fn ask(
        &self,
        token: &str,
        audiences: &BTreeSet<String>,
        from: IpAddr,
    ) -> Result<Answer, String> {
        let key: Digest =
            digest(&SHA256, token.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes");
        let busy = |_| "its issuer is being asked about others".to_string();
        let _turn = timeout(PATIENCE, self.turns.acquire()).await.map_err(busy)?;
        if let Some(answer) = self.lock().prepare(&key, from)? {
            return Ok(answer);
        }
        let answer = timeout(PATIENCE, self.issuer.review(token, audiences)).await;
        let answer = answer.unwrap_or_else(|_| Err("no answer in time".to_string()));
        self.lock().note(key, answer)
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    /// The answer that still holds; else counts one more question, if it may be asked.
    fn prepare(&mut self, key: &Digest, from: IpAddr) -> Result<Option<Answer>, String> {
        self.forget();
        if let Some((_, answer)) = self.answers.get(key) {
            return Ok(Some(answer.clone()));
        }
        if self.times.len() >= MOST {
            return Err(format!("its issuer was asked {MOST} times within {HOLDS:?}"));
        }
        if self.times.iter().filter(|(_, peer)| *peer == from).count() >= EACH {
            return Err(format!("its issuer was asked {EACH} times within {HOLDS:?} for {from}"));
        }
        self.times.push_back((Instant::now(), from));
        Ok(None)
    }

    /// Logs a change of state only: whoever floods us with tokens must not flood the log.
    fn note(&mut self, key: Digest, answer: Result<Answer, String>) -> Result<Answer, String> {
        let trouble = answer.as_ref().err();
        if let Some(error) = trouble.filter(|error| self.trouble.as_ref() != Some(error)) {
            tracing::warn!(%error, "cannot ask the issuer about a token");
        }
        self.trouble = trouble.cloned();
        let answer = answer?;
        self.answers.insert(key, (Instant::now(), answer.clone()));
        Ok(answer)
    }

    fn forget(&mut self) {
        self.answers.retain(|_, (since, _)| since.elapsed() < HOLDS);
        while self.times.front().is_some_and(|(since, _)| since.elapsed() >= HOLDS) {
            self.times.pop_front();
        }
    }
}

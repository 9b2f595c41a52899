//! Tokens checked here, without asking anybody: by cached keys and by the workloads that live.
//!
//! Only a token whose key is unknown asks somebody: for the issuer's keys anew, and where they do not have it
//! (an API server need not publish all its keys), the issuer itself. A check that failed is never tried elsewhere.

mod review;

pub use review::{Answer, Review};

use crate::auth::{Authenticate, Caller, Proof};
use crate::clock::Clock;
use crate::pool::Pool;
use crate::refusal::Refusal;
use crate::unproven::network;
use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use heddle_ca::token::{self, BadToken, Keys, Live, NotAlive, Rules};
use review::Reviews;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The least time between two fetches of the issuer's keys: a flood of unknown keys costs one fetch.
const PAUSE: Duration = Duration::from_secs(10);
/// The time that a fetch may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tokens that are checked by asking their issuer at once, of all peers and of each. More are answered UNAVAILABLE.
const PENDING: usize = 64;
const PENDING_EACH: usize = 8;

/// The source of a token issuer's keys, when it may have rotated them.
pub trait FetchKeys: Send + Sync + 'static {
    /// The keys now.
    ///
    /// # Errors
    /// Says in words why they could not be had; those from before stay.
    fn fetch(&self) -> BoxFuture<'_, Result<Keys, String>>;
}

/// Checks the tokens of one issuer.
pub struct Tokens {
    rules: Rules,
    keys: ArcSwap<Keys>,
    source: Box<dyn FetchKeys>,
    live: Arc<dyn Live + Send + Sync>,
    clock: Arc<dyn Clock>,
    fetched: Mutex<Option<Fetched>>,
    reviews: Option<Reviews>,
    /// The callers that wait for the issuer of their token, by network: a flood of made-up tokens keeps nobody else waiting.
    pending: Pool<IpAddr>,
}

/// The last fetch.
struct Fetched {
    at: Instant,
    outcome: Result<(), String>,
}

impl Tokens {
    /// Checks by `rules`, and by `keys` until one is asked for that is not among them.
    pub fn new(
        rules: Rules,
        keys: Keys,
        source: Box<dyn FetchKeys>,
        live: Arc<dyn Live + Send + Sync>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (keys, fetched) = (ArcSwap::from_pointee(keys), Mutex::new(None));
        let pending = Pool::new(PENDING, PENDING_EACH);
        Self { rules, keys, source, live, clock, fetched, reviews: None, pending }
    }

    /// Lets `issuer` itself say what it thinks of tokens whose key is not among those it publishes.
    pub fn reviewed_by(self, issuer: Box<dyn Review>) -> Self {
        Self { reviews: Some(Reviews::new(issuer)), ..self }
    }

    /// Returns who the token proves its bearer to be, as far as the token goes.
    async fn check(&self, token: &str, from: IpAddr) -> Result<token::Caller, Refusal> {
        let verify = || token::check(token, &self.keys.load(), &self.rules, self.clock.now());
        let unknown = match verify() {
            Err(unknown @ BadToken::UnknownKey(_)) => unknown,
            other => return other.map_err(refused),
        };
        // Nobody is asked about a token that would be refused whatever the answer. It says no more than that its key is
        // unknown: whether another's workload lives is nothing for who has proved nothing.
        let again = || Refusal::NotNow(format!("{unknown}, try again"));
        let claimed = token::claimed(token, &self.rules, self.clock.now()).map_err(refused)?;
        claimed.check_alive(self.live.as_ref()).map_err(|error| match error {
            NotAlive::Unbound(_) => dead(error),
            NotAlive::Unknown(_)
            | NotAlive::Gone(_)
            | NotAlive::Replaced { .. }
            | NotAlive::Account { .. } => again(),
        })?;
        let busy = || Refusal::NotNow("too many tokens wait to be checked, try again".into());
        let _pending = self.pending.take(network(from)).ok_or_else(busy)?;
        let freshness = self.refresh().await;
        match (verify(), &self.reviews, freshness) {
            (Err(BadToken::UnknownKey(_)), Some(reviews), _) => {
                self.review(token, claimed, reviews, from).await
            }
            // The key may be newer than the last fetch.
            (Err(BadToken::UnknownKey(_)), None, Freshness::Recent) => Err(again()),
            (Err(BadToken::UnknownKey(_)), None, Freshness::Failed(text)) => {
                Err(Refusal::NotNow(format!("the token issuer's keys cannot be had: {text}, try again")))
            }
            (verified, _, _) => verified.map_err(refused),
        }
    }

    /// Returns what the token claims, if its issuer says the same.
    async fn review(
        &self,
        token: &str,
        claimed: token::Claimed,
        reviews: &Reviews,
        from: IpAddr,
    ) -> Result<token::Caller, Refusal> {
        match reviews.ask(token, &self.rules.audiences, network(from)).await {
            Ok(Answer::Good(reviewed)) => claimed.confirmed(&reviewed, &self.rules).map_err(refused),
            Ok(Answer::Bad(text)) => Err(Refusal::Token(format!("its issuer does not take it: {text}"))),
            Err(text) => Err(Refusal::NotNow(format!("the token cannot be checked: {text}, try again"))),
        }
    }

    /// Fetches the keys once for all who wait, unless that was done moments ago.
    async fn refresh(&self) -> Freshness {
        let mut last = self.fetched.lock().await;
        if let Some(Fetched { at, outcome }) = &*last
            && at.elapsed() < PAUSE
        {
            return outcome.clone().err().map_or(Freshness::Recent, Freshness::Failed);
        }
        let late = |_| Err("no answer in time".to_string());
        let outcome = tokio::time::timeout(PATIENCE, self.source.fetch()).await.unwrap_or_else(late);
        let outcome = outcome.map(|keys| self.keys.store(Arc::new(keys)));
        if let Err(error) = &outcome {
            tracing::warn!(%error, "cannot fetch the token issuer's keys");
        }
        *last = Some(Fetched { at: Instant::now(), outcome: outcome.clone() });
        outcome.err().map_or(Freshness::Now, Freshness::Failed)
    }
}

/// The freshness of the keys.
enum Freshness {
    /// Fetched for this question.
    Now,
    /// Fetched moments ago.
    Recent,
    /// They could not be fetched.
    Failed(String),
}

impl Authenticate for Tokens {
    fn authenticate<'a>(&'a self, token: &'a str, from: IpAddr) -> BoxFuture<'a, Result<Caller, Refusal>> {
        Box::pin(async move {
            let caller = self.check(token, from).await?;
            let workload = caller.check_alive(self.live.as_ref()).map_err(dead)?.clone();
            let proof = Proof::Token(Some(workload));
            Ok(Caller { identity: caller.identity, proof, uid: caller.uid, expires: caller.expires })
        })
    }
}

fn refused(error: BadToken) -> Refusal {
    Refusal::Token(error.to_string())
}

fn dead(error: NotAlive) -> Refusal {
    match error {
        NotAlive::Unknown(_) => Refusal::NotNow(error.to_string()),
        NotAlive::Unbound(_) | NotAlive::Gone(_) | NotAlive::Replaced { .. } | NotAlive::Account { .. } => {
            Refusal::Token(error.to_string())
        }
    }
}

#[cfg(test)]
mod tests;

use super::*;
use heddle_ca::token::{Grant, Liveness, TokenKey, issue};
use heddle_model::{Identity, WorkloadKey};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }
}

struct Alive;

impl Live for Alive {
    fn live(&self, workload: &WorkloadKey) -> Liveness {
        match workload.name.as_str() {
            "web-0" => Liveness::Alive { uid: None, service_account: "web".into() },
            "gone-0" => Liveness::Gone,
            _ => Liveness::Unknown,
        }
    }
}

/// Answers with these keys, and counts.
struct Source {
    keys: Result<Keys, String>,
    fetches: Arc<AtomicUsize>,
}

impl FetchKeys for Source {
    fn fetch(&self) -> BoxFuture<'_, Result<Keys, String>> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(self.keys.clone()))
    }
}

fn rules(audience: &str) -> Rules {
    Rules { issuer: "heddle".into(), audiences: [audience.to_string()].into() }
}

fn token(key: &TokenKey, workload: &str, audience: &str) -> String {
    let identity = Identity::new("shop", "web").unwrap();
    let grant = Grant { identity, external_workload: workload.into(), lifetime: Duration::from_secs(600) };
    issue(key, &grant, &rules(audience), Noon.now())
}

fn tokens(known: &TokenKey, fetched: Result<Keys, String>) -> (Tokens, Arc<AtomicUsize>) {
    let fetches = Arc::new(AtomicUsize::new(0));
    let source = Box::new(Source { keys: fetched, fetches: fetches.clone() });
    (Tokens::new(rules("heddle"), known.keys(), source, Arc::new(Alive), Arc::new(Noon)), fetches)
}

#[track_caller]
fn check(got: Result<Caller, Refusal>, want: Result<&str, (&str, bool)>) {
    let got = got.map(|caller| caller.identity.to_string());
    let got = got.map_err(|refusal| (refusal.to_string(), matches!(refusal, Refusal::NotNow(_))));
    assert_eq!(got, want.map(String::from).map_err(|(text, again)| (text.to_string(), again)));
}

#[tokio::test]
async fn a_token_proves_the_workload_that_it_is_bound_to() {
    let key = TokenKey::generate();
    let (tokens, fetches) = tokens(&key, Err("never asked".into()));
    check(tokens.authenticate(&token(&key, "web-0", "heddle")).await, Ok("shop/web"));
    check(
        tokens.authenticate(&token(&key, "gone-0", "heddle")).await,
        Err(("the token is refused: external/shop/gone-0 is gone", false)),
    );
    check(
        tokens.authenticate(&token(&key, "new-0", "heddle")).await,
        Err(("external/shop/new-0 is not known yet, try again", true)),
    );
    check(
        tokens.authenticate(&token(&key, "web-0", "other")).await,
        Err(("the token is refused: token is for audience [\"other\"], want one of {\"heddle\"}", false)),
    );
    assert_eq!(fetches.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_unknown_key_is_fetched_once() {
    let (old, new) = (TokenKey::generate(), TokenKey::generate());
    let (tokens, fetches) = tokens(&old, Ok(new.keys()));
    check(tokens.authenticate(&token(&new, "web-0", "heddle")).await, Ok("shop/web"));
    check(tokens.authenticate(&token(&new, "web-0", "heddle")).await, Ok("shop/web"));
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_costs_one_fetch() {
    let (own, foreign) = (TokenKey::generate(), TokenKey::generate());
    let (tokens, fetches) = tokens(&own, Ok(own.keys()));
    let token = token(&foreign, "web-0", "heddle");
    let first = tokens.authenticate(&token).await.expect_err("foreign").to_string();
    assert!(first.starts_with("the token is refused: token is signed by key "), "{first}");
    for _ in 0..100 {
        let refusal = tokens.authenticate(&token).await.expect_err("foreign");
        let text = refusal.to_string();
        let again = "which the issuer's key set does not have, try again";
        assert!(matches!(refusal, Refusal::NotNow(_)) && text.ends_with(again), "{text}");
    }
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
    tokio::time::advance(PAUSE).await;
    assert!(matches!(tokens.authenticate(&token).await, Err(Refusal::Token(_))));
    assert_eq!(fetches.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn keys_that_cannot_be_had_refuse_nobody_for_good() {
    let (old, new) = (TokenKey::generate(), TokenKey::generate());
    let (tokens, _) = tokens(&old, Err("connection refused".into()));
    check(
        tokens.authenticate(&token(&new, "web-0", "heddle")).await,
        Err(("the token issuer's keys cannot be had: connection refused, try again", true)),
    );
    check(tokens.authenticate(&token(&old, "web-0", "heddle")).await, Ok("shop/web"));
}
